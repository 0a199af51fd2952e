package raftstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// The layout of a bbolt file, version 2, as bbolt 1.5 writes it: two meta pages,
// then pages of a B+ tree, each with a header and a table of elements that
// point to keys and values behind it. Numbers are in the machine's byte order.
const (
	boltMagic      = 0xED0CDAED
	boltVersion    = 2
	boltNoFreelist = ^uint64(0) // what a meta page says when the free list is not kept on disk

	boltHeaderSize  = 16 // page: id 8, kind 2, count 2, overflow 4
	boltElementSize = 16 // leaf: flags 4, position 4, key size 4, value size 4; branch: position 4, key size 4, page 8
	boltMetaSize    = 64 // magic 4, version 4, page size 4, flags 4, root 8, sequence 8, free list 8, pages 8, transaction 8, FNV-64a of these 8
	boltBucketSize  = 16 // root page 8, sequence 8; root page 0: the page itself follows

	boltBranch = 1
	boltLeaf   = 2

	boltBucketFlag = 1 // on an element whose value is a bucket
)

// boltCheck reads a bbolt file without bbolt and without mapping it. bbolt
// itself trusts every byte but those of the meta pages: it panics, faults or
// loses records on damaged pages, and falls back to the transaction before the
// last when a meta page is damaged. So every byte that leads to a record is
// checked here first, against the one layout that bbolt writes.
type boltCheck struct {
	file     io.ReaderAt
	pageSize int64
	pages    uint64              // pages in use or free; none with this id or above
	seen     map[uint64]struct{} // pages that belong to something already
	visit    func(bucket string, key, value []byte) error

	bucket string // bucket being walked
	last   []byte // last key seen in it
}

// checkBolt walks all buckets of a bolt file of the given size and shows every
// record to visit, in the order of keys. The slices are valid during the call.
func checkBolt(file io.ReaderAt, size int64, visit func(bucket string, key, value []byte) error) error {
	c := &boltCheck{file: file, seen: map[uint64]struct{}{}, visit: visit}
	root, err := c.metas(size)
	if err != nil {
		return err
	}
	top := map[string][]byte{} // name → bucket value
	c.visit = func(_ string, name, value []byte) error {
		top[string(name)] = bytes.Clone(value)
		return nil
	}
	if err := c.page(root, nil, boltBucketFlag); err != nil {
		return err
	}
	c.visit = visit
	for _, name := range []string{"conf", "logs"} {
		value, ok := top[name]
		if !ok || len(top) != 2 {
			return fmt.Errorf("its buckets are not conf and logs")
		}
		c.bucket, c.last = name, nil
		if err := c.bucketRoot(value); err != nil {
			return fmt.Errorf("bucket %s: %w", name, err)
		}
	}
	return nil
}

// boltMeta is what a meta page says.
type boltMeta struct {
	pageSize, root, pages, tx uint64
}

// metas reads both meta pages and returns the root page of the newer one. The
// older must be sound too: bbolt wrote it with the transaction before, in one
// disk sector, so a damaged one is rot, and which of the two was the newer
// could not be told.
func (c *boltCheck) metas(size int64) (root uint64, err error) {
	first, err := c.meta(0)
	if err != nil {
		return 0, fmt.Errorf("meta page 0: %w", err)
	}
	if p := first.pageSize; p < 1024 || p > 1<<16 || p&(p-1) != 0 {
		return 0, fmt.Errorf("meta page 0: page size %d", p)
	}
	c.pageSize = int64(first.pageSize)
	second, err := c.meta(c.pageSize)
	if err != nil {
		return 0, fmt.Errorf("meta page 1: %w", err)
	}
	if first.pageSize != second.pageSize {
		return 0, errors.New("the meta pages disagree on the page size")
	}
	newer := first
	if second.tx > first.tx {
		newer = second
	}
	if newer.pages > uint64(size/c.pageSize) {
		return 0, fmt.Errorf("it is cut off: %d bytes hold fewer than %d pages", size, newer.pages)
	}
	c.pages = newer.pages
	return newer.root, nil
}

func (c *boltCheck) meta(offset int64) (m boltMeta, err error) {
	buf := make([]byte, boltHeaderSize+boltMetaSize)
	if _, err := c.file.ReadAt(buf, offset); err != nil {
		return m, err
	}
	b, ne := buf[boltHeaderSize:], binary.NativeEndian
	sum := fnv.New64a()
	sum.Write(b[:boltMetaSize-8])
	switch {
	case ne.Uint32(b) != boltMagic || ne.Uint32(b[4:]) != boltVersion:
		return m, errors.New("not a bolt file of version 2")
	case ne.Uint64(b[56:]) != sum.Sum64():
		return m, errors.New("wrong checksum")
	}
	m = boltMeta{pageSize: uint64(ne.Uint32(b[8:])), root: ne.Uint64(b[16:]), pages: ne.Uint64(b[40:]), tx: ne.Uint64(b[48:])}
	return m, nil
}

// bucketRoot walks a bucket given by its value in the root bucket.
func (c *boltCheck) bucketRoot(value []byte) error {
	if len(value) < boltBucketSize {
		return errors.New("its header is cut off")
	}
	if root := binary.NativeEndian.Uint64(value); root != 0 {
		return c.page(root, nil, 0)
	}
	inline := value[boltBucketSize:]
	if len(inline) < boltHeaderSize {
		return errors.New("its page is cut off")
	}
	elements, end, err := parseElements(inline)
	if err != nil {
		return err
	}
	if end != len(inline) || elements.kind != boltLeaf {
		return errors.New("its page is damaged")
	}
	return c.leaf(elements, nil, 0)
}

// page walks the subtree of one page, whose keys must not be below min and
// whose leaf elements must have these flags.
func (c *boltCheck) page(id uint64, min []byte, flags uint32) error {
	buf, err := c.read(id)
	if err != nil {
		return err
	}
	elements, end, err := parseElements(buf)
	if err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	// bbolt takes as many pages as the content needs and no more.
	if int64(end) <= int64(len(buf))-c.pageSize {
		return fmt.Errorf("page %d: longer than its content", id)
	}
	if elements.kind == boltLeaf {
		return c.leaf(elements, min, flags)
	}
	for _, e := range elements.list {
		if c.last != nil && bytes.Compare(e.key, c.last) <= 0 || bytes.Compare(e.key, min) < 0 {
			return fmt.Errorf("page %d: keys out of order", id)
		}
		if err := c.page(e.child, e.key, flags); err != nil {
			return err
		}
	}
	return nil
}

// leaf shows the records of one leaf page to visit.
func (c *boltCheck) leaf(elements boltElements, min []byte, flags uint32) error {
	for _, e := range elements.list {
		switch {
		case e.flags != flags:
			return errors.New("an element of the wrong kind")
		case c.last != nil && bytes.Compare(e.key, c.last) <= 0 || bytes.Compare(e.key, min) < 0:
			return errors.New("keys out of order")
		}
		c.last = e.key
		if err := c.visit(c.bucket, e.key, e.value); err != nil {
			return err
		}
	}
	return nil
}

// read returns one page with the pages that continue it, and claims them.
func (c *boltCheck) read(id uint64) ([]byte, error) {
	if id < 2 || id >= c.pages {
		return nil, fmt.Errorf("page %d: no such page", id)
	}
	header := make([]byte, boltHeaderSize)
	offset := int64(id) * c.pageSize
	if _, err := c.file.ReadAt(header, offset); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	if binary.NativeEndian.Uint64(header) != id {
		return nil, fmt.Errorf("page %d: it says it is another page", id)
	}
	more := uint64(binary.NativeEndian.Uint32(header[12:]))
	if more >= c.pages-id {
		return nil, fmt.Errorf("page %d: reaches beyond the file", id)
	}
	for p := id; p <= id+more; p++ {
		if _, twice := c.seen[p]; twice {
			return nil, fmt.Errorf("page %d: used twice", p)
		}
		c.seen[p] = struct{}{}
	}
	buf := make([]byte, int64(more+1)*c.pageSize)
	if _, err := c.file.ReadAt(buf, offset); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	return buf, nil
}

type boltElements struct {
	kind uint16 // boltBranch or boltLeaf
	list []boltElement
}

type boltElement struct {
	flags      uint32
	child      uint64 // of a branch element
	key, value []byte
}

// parseElements reads a page's table of elements. Keys and values lie behind
// the table without gaps and in its order; end is where the last one ends. buf
// holds at least a header.
func parseElements(buf []byte) (p boltElements, end int, err error) {
	ne := binary.NativeEndian
	p.kind = ne.Uint16(buf[8:])
	count := int(ne.Uint16(buf[10:]))
	if p.kind != boltBranch && p.kind != boltLeaf {
		return p, 0, fmt.Errorf("unknown kind %d", p.kind)
	}
	end = boltHeaderSize + count*boltElementSize
	if end > len(buf) || p.kind == boltBranch && count == 0 {
		return p, 0, fmt.Errorf("%d elements do not fit", count)
	}
	// Without elements nothing below could tell a lost count from an empty page.
	if count == 0 && len(bytes.TrimRight(buf[end:], "\x00")) > 0 {
		return p, 0, errors.New("it has content and counts none")
	}
	p.list = make([]boltElement, count)
	for i := range p.list {
		at := boltHeaderSize + i*boltElementSize
		raw := buf[at : at+boltElementSize]
		e := &p.list[i]
		var position, keySize, valueSize uint32
		if p.kind == boltLeaf {
			e.flags, position, keySize, valueSize = ne.Uint32(raw), ne.Uint32(raw[4:]), ne.Uint32(raw[8:]), ne.Uint32(raw[12:])
		} else {
			position, keySize, e.child = ne.Uint32(raw), ne.Uint32(raw[4:]), ne.Uint64(raw[8:])
		}
		left := uint64(len(buf) - end)
		if at+int(position) != end || keySize == 0 || uint64(keySize)+uint64(valueSize) > left {
			return p, 0, fmt.Errorf("element %d is not where it should be", i)
		}
		keyEnd := end + int(keySize)
		e.key, e.value = buf[end:keyEnd], buf[keyEnd:keyEnd+int(valueSize)]
		end = keyEnd + int(valueSize)
	}
	return p, end, nil
}
