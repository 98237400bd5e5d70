package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// entry is one of the archive.
type entry struct {
	name   string
	folder bool
	size   int
	mode   int64
	age    int64 // seconds
}

const (
	perFolder = 12 // files, about
	deepest   = 6  // folders within each other below the first
)

// newPlan chooses folders, and files in them, of size bytes in all.
func newPlan(random *rand.Rand, files int, size int64) []entry {
	sizes := newSizes(random, files, size)
	words := newWords()
	folders := []string{"tree"}
	plan := []entry{{name: "tree/", folder: true, mode: 0o755}}
	for len(sizes) > 0 {
		parent := folders[random.IntN(len(folders))]
		if strings.Count(parent, "/") >= deepest {
			continue
		}
		folder := fmt.Sprintf("%s/%s-%d", parent, words[random.IntN(len(words))], len(folders))
		folders = append(folders, folder)
		plan = append(plan, entry{name: folder + "/", folder: true, mode: 0o755})
		count := min(len(sizes), 1+random.IntN(2*perFolder-1))
		for i, size := range sizes[:count] {
			name := fmt.Sprintf("%s/%s_%s_%d.dat", folder, words[random.IntN(len(words))], words[random.IntN(len(words))], i)
			mode := int64(0o644)
			if random.IntN(20) == 0 {
				mode = 0o755
			}
			plan = append(plan, entry{name: name, size: size, mode: mode, age: random.Int64N(1e8)})
		}
		sizes = sizes[count:]
	}
	return plan
}

// newSizes chooses as many sizes, with that sum. Half of the files have less than a tenth of the
// mean, and one in a hundred has tens of times as much. There is no floating point in it, which
// is not the same on all processors.
func newSizes(random *rand.Rand, files int, sum int64) []int {
	raw := make([]int64, files)
	total := int64(0)
	for i := range raw {
		power := 8
		for power < 20 && random.IntN(100) < 60 {
			power++
		}
		raw[i] = 1<<power + random.Int64N(1<<power)
		total += raw[i]
	}
	sizes, left := make([]int, files), sum
	for i := range sizes {
		// In KiB, so that nothing overflows.
		sizes[i] = int(min(left, raw[i]*(sum>>10)/max(total>>10, 1)))
		left -= int64(sizes[i])
	}
	sizes[files/2] += int(left)
	return sizes
}
