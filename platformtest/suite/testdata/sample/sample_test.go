// Package sample has a test of each kind.
package sample

import (
	"os"
	"testing"
	"time"
)

func TestPasses(*testing.T) {
	if os.Getenv("WAIT") != "" {
		time.Sleep(time.Minute)
	}
}

func TestSkips(t *testing.T) { t.Skip("it does") }

func TestFails(t *testing.T) { t.Error("it does") }

func TestWord(t *testing.T) {
	for _, word := range []string{"one", "other"} {
		t.Run(word, func(t *testing.T) {
			if got := os.Getenv("WORD"); got != word {
				t.Errorf("the word is %q", got)
			}
		})
	}
}
