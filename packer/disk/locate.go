package disk

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// What has no name in the file system.
const (
	outside  = "(outside of the file system)"
	deleted  = "(a deleted file)"
	journal  = "(the file system's journal)"
	metadata = "(the file system's own data)"
)

// locate says for each hit in which file it is, and leaves out those that packages have
// brought, and the remains of such.
func (d *Disk) locate(ctx context.Context, hits []hit) (left []hit, places []string, err error) {
	if len(hits) == 0 {
		return nil, nil, nil
	}
	names, err := d.names(ctx, hits)
	if err != nil {
		return nil, nil, err
	}
	packaged, err := d.packaged(ctx, hits, names)
	if err != nil {
		return nil, nil, err
	}
	var theirs [][32]byte
	for i, h := range hits {
		if packaged[names[i]] {
			theirs = append(theirs, h.digest)
		}
	}
	for i, h := range hits {
		remains := names[i] == deleted || names[i] == journal
		if !h.kind.known && (packaged[names[i]] || remains && slices.Contains(theirs, h.digest)) {
			continue
		}
		left, places = append(left, h), append(places, names[i])
	}
	return left, places, nil
}

// names says for each hit in which file it is.
func (d *Disk) names(ctx context.Context, hits []hit) ([]string, error) {
	size, err := d.blockSize()
	if err != nil {
		return nil, err
	}
	blocks := make([]int64, len(hits))
	for i, h := range hits {
		if blocks[i] = -1; h.offset >= d.root.Offset && h.offset < d.root.Offset+d.root.Size {
			blocks[i] = (h.offset - d.root.Offset) / size
		}
	}
	inodes, err := d.inodes(ctx, blocks)
	if err != nil {
		return nil, err
	}
	paths, err := d.paths(ctx, inodes)
	if err != nil {
		return nil, err
	}
	free, err := d.free(ctx, blocks, inodes)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(hits))
	for i, block := range blocks {
		const journalInode, firstOwn = 8, 11
		switch inode, used := inodes[block]; {
		case block < 0:
			names[i] = outside
		case used && inode == journalInode:
			names[i] = journal
		case used && paths[inode] != "":
			names[i] = paths[inode]
		case used && inode >= firstOwn || free[block]:
			names[i] = deleted
		default:
			names[i] = metadata
		}
	}
	return names, nil
}

// blockSize is that of the root file system.
func (d *Disk) blockSize() (int64, error) {
	file, err := os.Open(d.raw)
	if err != nil {
		return 0, fmt.Errorf("disk: %w", err)
	}
	defer file.Close()
	const superblock, field, largest = 1024, 24, 6
	var word [4]byte
	if _, err := file.ReadAt(word[:], d.root.Offset+superblock+field); err != nil {
		return 0, fmt.Errorf("disk: %w", err)
	}
	shift := binary.LittleEndian.Uint32(word[:])
	if shift > largest {
		return 0, fmt.Errorf("disk: a file system with blocks of 2^%d KiB", shift)
	}
	return 1024 << shift, nil
}

// inodes says which inodes have the blocks.
func (d *Disk) inodes(ctx context.Context, blocks []int64) (map[int64]int64, error) {
	inodes := map[int64]int64{}
	return inodes, d.ask(ctx, "icheck", blocks, func(block int64, answer string) {
		if inode, err := strconv.ParseInt(answer, 10, 64); err == nil {
			inodes[block] = inode
		}
	})
}

// paths says which names the inodes have; of several, one.
func (d *Disk) paths(ctx context.Context, inodes map[int64]int64) (map[int64]string, error) {
	paths := map[int64]string{}
	return paths, d.ask(ctx, "ncheck", slices.Collect(maps.Values(inodes)), func(inode int64, path string) {
		if paths[inode] == "" {
			paths[inode] = "/" + strings.TrimLeft(path, "/")
		}
	})
}

// ask has debugfs answer about numbers that are not negative, in a table of two columns.
func (d *Disk) ask(ctx context.Context, command string, numbers []int64, each func(number int64, answer string)) error {
	const batch = 500 // of a command line
	numbers = slices.DeleteFunc(slices.Compact(slices.Sorted(slices.Values(numbers))), func(n int64) bool { return n < 0 })
	for some := range slices.Chunk(numbers, batch) {
		out, err := d.debugfs(ctx, command+" "+strings.Trim(fmt.Sprint(some), "[]"))
		if err != nil {
			return err
		}
		for line := range strings.SplitSeq(out, "\n") {
			first, second, _ := strings.Cut(line, "\t")
			if number, err := strconv.ParseInt(first, 10, 64); err == nil { // else the heading
				each(number, second)
			}
		}
	}
	return nil
}

// free says which of the blocks that no inode has are free.
func (d *Disk) free(ctx context.Context, blocks []int64, inodes map[int64]int64) (map[int64]bool, error) {
	var commands strings.Builder
	for _, block := range blocks {
		if _, used := inodes[block]; !used && block >= 0 {
			fmt.Fprintf(&commands, "testb %d\n", block)
		}
	}
	if commands.Len() == 0 {
		return nil, nil
	}
	script := filepath.Join(d.dir, "commands")
	if err := os.WriteFile(script, []byte(commands.String()), 0o600); err != nil {
		return nil, fmt.Errorf("disk: %w", err)
	}
	out, _, err := d.tool(ctx, "debugfs", "-f", script, d.fileSystem())
	if err = errors.Join(err, os.Remove(script)); err != nil {
		return nil, err
	}
	free := map[int64]bool{}
	for lines := bufio.NewScanner(strings.NewReader(out)); lines.Scan(); {
		var block int64
		if _, err := fmt.Sscanf(lines.Text(), "Block %d not in use", &block); err == nil {
			free[block] = true
		}
	}
	return free, nil
}
