package state

import (
	"bytes"
	"errors"
	"slices"

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

// Runner runs tasks that do not depend on each other, one after the other or side
// by side, and returns when all have ended. What comes out is the same.
type Runner func(tasks ...func())

// Sequential runs tasks one after the other.
func Sequential(tasks ...func()) {
	for _, task := range tasks {
		task()
	}
}

// readTokens reads what writeTokens wrote, or the single tokens of format 1, and
// makes the indexes over them.
func (tx *txn) readTokens(dec *codec.Decoder, h *header, run Runner) error {
	read := readTokenPages
	if h.Format == oldestSnapshot {
		read = readSingleTokens
	}
	all, err := read(dec, h.Format, h.Tokens, run)
	if err != nil {
		return err
	}
	repeated := false
	run(func() {
		for _, t := range all {
			_, twice := tx.tokens.Insert(t.Hash, t)
			repeated = repeated || twice
		}
	}, func() {
		fill(tx.expiries, all, func(t *Token) []byte {
			if t.Expire == 0 {
				return nil
			}
			return expiryPath(t.Expire, t.Hash)
		})
	}, func() {
		fill(tx.children, all, func(t *Token) []byte {
			if len(t.Parent) == 0 {
				return nil
			}
			return childPath(t.Parent, t.Hash)
		})
	})
	if repeated {
		return corrupt("a token is there twice")
	}
	for _, t := range all {
		if !selfNamed(t.Accessor, t.Hash) {
			tx.accessors.Insert([]byte(t.Accessor), t.Hash)
		}
	}
	return nil
}

// fill makes an index in the order of its keys; path is nil for a token that is
// not in it.
func fill(tree *iradix.Txn[struct{}], all []*Token, path func(*Token) []byte) {
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
}

func readTokenPages(dec *codec.Decoder, format, count int, run Runner) ([]*Token, error) {
	var pages [][]byte
	for left := count; left > 0; left -= tokenPage {
		var page []byte
		if err := decodeNext(dec, &page); err != nil {
			return nil, err
		}
		pages = append(pages, page)
	}
	// A few tasks of many pages each: there are but a few processors.
	const tasks = 8
	of := func(i int) (from, to int) { return i * len(pages) / tasks, (i + 1) * len(pages) / tasks }
	var parts [tasks][]*Token
	var errs [tasks]error
	var work [tasks]func()
	for i := range work {
		work[i] = func() {
			from, to := of(i)
			parts[i], errs[i] = readPages(pages[from:to], format)
		}
	}
	run(work[:]...)
	if err := errors.Join(errs[:]...); err != nil {
		return nil, err
	}
	all := slices.Concat(parts[:]...)
	if len(all) != count {
		return nil, corrupt("%d tokens, not %d", len(all), count)
	}
	return all, nil
}

func readPages(pages [][]byte, format int) ([]*Token, error) {
	var all []*Token
	for _, page := range pages {
		tokens, err := readPage(page, format)
		if err != nil {
			return nil, err
		}
		all = append(all, tokens...)
	}
	return all, nil
}

// readSingleTokens reads tokens as format 1 has them.
func readSingleTokens(dec *codec.Decoder, _, count int, _ Runner) ([]*Token, error) {
	var all []*Token
	for range count {
		t := new(Token)
		if err := decodeNext(dec, t); err != nil {
			return nil, err
		}
		t.derive() // not visible to anybody yet
		all = append(all, t)
	}
	return all, nil
}
