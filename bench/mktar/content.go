package main

import (
	"encoding/binary"
	"math/rand/v2"
	"strings"
)

// content makes the files' bytes: by turns text and noise, each of which gets half of them.
type content struct {
	random *rand.Rand
	noise  *rand.ChaCha8
	words  []string
	text   int64 // bytes of text so far, less those of noise
	buf    []byte
}

func newContent(seed uint64) *content {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return &content{random: rand.New(rand.NewPCG(seed, 0x74657874)), noise: rand.NewChaCha8(key), words: newWords()}
}

// next makes the bytes of one file, which are there until the next one.
func (c *content) next(size int) []byte {
	if cap(c.buf) < size+64 {
		c.buf = make([]byte, 0, size+64)
	}
	if c.text > 0 {
		c.text -= int64(size)
		c.buf = c.buf[:size]
		_, _ = c.noise.Read(c.buf) // it has no errors
		return c.buf
	}
	c.text += int64(size)
	c.buf = c.buf[:0]
	for len(c.buf) < size {
		c.line()
	}
	return c.buf[:size]
}

// line appends one that looks like source text: some words come often, most come seldom.
func (c *content) line() {
	indent := c.random.IntN(5)
	for range indent {
		c.buf = append(c.buf, '\t')
	}
	for i := range 2 + c.random.IntN(9) {
		if i > 0 {
			c.buf = append(c.buf, " .(,=;"[c.random.IntN(6)])
		}
		most := 1 << (3 + c.random.IntN(10))
		c.buf = append(c.buf, c.words[c.random.IntN(min(most, len(c.words)))]...)
	}
	c.buf = append(c.buf, '\n')
}

// newWords makes the vocabulary: all that can be made of these parts.
func newWords() []string {
	begin := strings.Fields("re un pre con de in out over sub trans inter multi auto fore post semi")
	middle := strings.Fields("mark port form struct tract duct vert scrib press fer mit pos sign serv quir fin")
	end := strings.Fields("er ing ed able ion ive or ment ness al ure ance ist ism ly s")
	var words []string
	for _, e := range end {
		for _, m := range middle {
			for _, b := range begin {
				words = append(words, b+m+e)
			}
		}
	}
	return words
}
