package define

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// maxDepth bounds what stands inside of each other, and the operators in a row: the parser calls
// itself for each, and the stack ends the program where an error should.
const maxDepth = 500

// parse parses a file that is not nested too deeply. There is always a file; after an error it
// holds what was understood.
func parse(data []byte, name string) (*hcl.File, hcl.Diagnostics) {
	tokens, _ := hclsyntax.LexConfig(data, name, hcl.InitialPos) // the parser says what is wrong with them
	if at, deep := tooDeep(tokens); deep {
		return &hcl.File{Bytes: data, Body: hcl.EmptyBody()}, hcl.Diagnostics{{
			Severity: hcl.DiagError, Summary: "Nested too deeply", Subject: &at,
			Detail: "Nobody can read this, and neither can this program.",
		}}
	}
	return hclsyntax.ParseConfig(data, name, hcl.InitialPos)
}

func tooDeep(tokens hclsyntax.Tokens) (hcl.Range, bool) {
	depth, row := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
			depth++
			if t.Type == hclsyntax.TokenTemplateControl {
				row++ // what follows is inside of it, though its own brackets close
			}
		case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenTemplateSeqEnd:
			depth--
		case hclsyntax.TokenBang, hclsyntax.TokenMinus, hclsyntax.TokenQuestion:
			row++
		case hclsyntax.TokenNewline:
			row = 0
		}
		if depth > maxDepth || row > maxDepth {
			return t.Range, true
		}
	}
	return hcl.Range{}, false
}
