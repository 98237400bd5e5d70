package api_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/workerkit/workerkit/local/api"
)

// sorted is a Cursor over keys whose values are the keys themselves.
type sorted []string

func (s sorted) Each(_, prefix, from string, fn func(string, []byte) (bool, error)) error {
	for _, key := range s {
		if key < from || !strings.HasPrefix(key, prefix) {
			continue
		}
		value, err := json.Marshal(key)
		if err != nil {
			return err
		}
		if more, err := fn(key, value); err != nil || !more {
			return err
		}
	}
	return nil
}

func TestListGivesEveryItemOnceOverItsPages(t *testing.T) {
	data := sorted{"a/1", "b/1", "b/2", "b/3", "b/4", "b/5", "c/1"}
	odd := func(s string) bool { return s != "b/2" }
	for _, limit := range []string{"1", "2", "3", "4", "9"} {
		query := url.Values{"limit": {limit}}
		var got []string
		for range data {
			page, err := api.PageOf(query, 1000)
			if err != nil {
				t.Fatal(err)
			}
			items, token, err := api.List(data, "", "b/", page, odd)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, items...)
			if token == "" {
				break
			}
			query.Set("continuationToken", token)
		}
		if want := []string{"b/1", "b/3", "b/4", "b/5"}; !slices.Equal(got, want) {
			t.Errorf("limit %s: got %v, want %v", limit, got, want)
		}
	}
}

func TestPageOf(t *testing.T) {
	for _, c := range []struct {
		query string
		limit int
		bad   bool
	}{
		{"", 100, false},
		{"limit=7", 7, false},
		{"limit=5000", 100, false},
		{"limit=0", 0, true},
		{"limit=x", 0, true},
		{"continuationToken=%21", 0, true},
	} {
		query, err := url.ParseQuery(c.query)
		if err != nil {
			t.Fatal(err)
		}
		page, err := api.PageOf(query, 100)
		if (err != nil) != c.bad || (!c.bad && page.Limit != c.limit) {
			t.Errorf("PageOf(%q) = %+v, %v", c.query, page, err)
		}
	}
}
