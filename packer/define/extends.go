package define

import (
	"maps"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// checkExtends finds for each image those that it extends, the furthest first, and itself last.
// An image in or above a cycle gets no chain.
func (l *loader) checkExtends() {
	reported := map[string]bool{}
	for _, s := range l.order {
		if s.extends != "" && l.images[s.extends] == nil {
			names := slices.Sorted(maps.Keys(l.images))
			l.fail(l.extendsRange(s), "Unknown image", "There is no image %q to extend%s.", s.extends, perhaps(s.extends, names))
		}
	}
	for _, s := range l.order {
		chain := []*source{s}
		for at := s; at.extends != "" && chain != nil; {
			at = l.images[at.extends]
			switch i := slices.Index(chain, at); {
			case at == nil: // said above
				chain = nil
			case i >= 0:
				l.reportCycle(chain[i:], reported)
				chain = nil
			default:
				chain = append(chain, at)
			}
			if at == nil {
				break
			}
		}
		slices.Reverse(chain)
		s.chain = chain
	}
}

// reportCycle reports a cycle once, whoever leads into it.
func (l *loader) reportCycle(cycle []*source, reported map[string]bool) {
	var labels []string
	for _, s := range cycle {
		if reported[s.label] {
			return
		}
		labels = append(labels, s.label)
	}
	for _, label := range labels {
		reported[label] = true
	}
	labels = append(labels, labels[0])
	l.fail(l.extendsRange(cycle[0]), "Cycle of extends", "These images extend each other: %s.", strings.Join(labels, " → "))
}

func (l *loader) extendsRange(s *source) hcl.Range {
	return s.block.Body.Attributes["extends"].Expr.Range()
}
