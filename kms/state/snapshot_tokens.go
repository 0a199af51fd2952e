package state

import (
	"bytes"
	"runtime"
	"slices"
	"sync"

	iradix "github.com/hashicorp/go-immutable-radix/v2"
	"github.com/hashicorp/go-msgpack/v2/codec"
)

// There may be hundreds of thousands of tokens, and somebody waits for the unseal
// that reads them. So they lie in a snapshot in pages, which are decoded side by
// side, and the trees over them are filled in the order of their keys, which
// copies each node once.

// tokenPage is how many tokens a page holds; the last one may hold fewer.
const tokenPage = 256

func writeTokens(enc *codec.Encoder, t *iradix.Tree[*Token]) (err error) {
	var page pageWriter
	left, inPage := t.Len(), 0
	t.Root().Walk(func(_ []byte, v *Token) bool {
		page.token(v)
		left--
		if inPage++; inPage == tokenPage || left == 0 {
			err = enc.Encode(page.buf)
			page, inPage = pageWriter{buf: page.buf[:0]}, 0
		}
		return err != nil
	})
	return err
}

// readTokens reads what writeTokens wrote, or the single tokens of format 1, and
// makes the indexes over them.
func (tx *txn) readTokens(dec *codec.Decoder, h *header) error {
	if h.Format == oldestSnapshot {
		if err := readTree(dec, h.Tokens, tx.tokens, func(t *Token) []byte { return t.Hash }); err != nil {
			return err
		}
		var all []*Token
		tx.tokens.Root().Walk(func(_ []byte, t *Token) bool { t.derive(); all = append(all, t); return false })
		tx.indexTokens(all)
		return nil
	}
	pages, err := readTokenPages(dec, h.Tokens)
	if err != nil {
		return err
	}
	all := make([]*Token, 0, min(h.Tokens, len(pages)*tokenPage))
	for _, p := range pages {
		<-p.done
		if p.err != nil {
			return p.err
		}
		all = append(all, p.tokens...)
	}
	if len(all) != h.Tokens {
		return corrupt("%d tokens, not %d", len(all), h.Tokens)
	}
	indexed := make(chan struct{})
	go func() {
		defer close(indexed)
		tx.indexTokens(all)
	}()
	repeated := false
	for _, t := range all {
		_, twice := tx.tokens.Insert(t.Hash, t)
		repeated = repeated || twice
	}
	<-indexed
	if repeated {
		return corrupt("a token is there twice")
	}
	return nil
}

// pageOfTokens is one page on its way.
type pageOfTokens struct {
	raw    []byte
	tokens []*Token
	err    error
	done   chan struct{} // closed when tokens and err are set
}

// readTokenPages reads the pages of count tokens and begins to decode them.
func readTokenPages(dec *codec.Decoder, count int) ([]*pageOfTokens, error) {
	if count < 0 {
		return nil, corrupt("%d tokens", count)
	}
	var pages []*pageOfTokens
	for left := count; left > 0; left -= tokenPage {
		p := &pageOfTokens{done: make(chan struct{})}
		if err := decodeNext(dec, &p.raw); err != nil {
			return nil, err
		}
		pages = append(pages, p)
	}
	work := make(chan *pageOfTokens, len(pages))
	for _, p := range pages {
		work <- p
	}
	close(work)
	for range runtime.GOMAXPROCS(0) {
		go func() {
			for p := range work {
				p.decode()
			}
		}()
	}
	return pages, nil
}

func (p *pageOfTokens) decode() {
	defer close(p.done)
	p.tokens, p.err = readPage(p.raw)
}

// indexTokens makes the indexes over all tokens, each in the order of its keys.
func (tx *txn) indexTokens(all []*Token) {
	var wg sync.WaitGroup
	fill := func(tree *iradix.Txn[struct{}], path func(*Token) []byte) {
		wg.Go(func() {
			paths := make([][]byte, 0, len(all))
			for _, t := range all {
				if p := path(t); p != nil {
					paths = append(paths, p)
				}
			}
			slices.SortFunc(paths, bytes.Compare)
			for _, p := range paths {
				tree.Insert(p, struct{}{})
			}
		})
	}
	fill(tx.expiries, func(t *Token) []byte {
		if t.Expire == 0 {
			return nil
		}
		return expiryPath(t.Expire, t.Hash)
	})
	fill(tx.children, func(t *Token) []byte {
		if len(t.Parent) == 0 {
			return nil
		}
		return childPath(t.Parent, t.Hash)
	})
	for _, t := range all {
		if !selfNamed(t.Accessor, t.Hash) {
			tx.accessors.Insert([]byte(t.Accessor), t.Hash)
		}
	}
	wg.Wait()
}
