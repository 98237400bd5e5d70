package api

import (
	"fmt"
	"strings"
)

// scope is what the expressions of a template can see.
type scope struct {
	parameters, variables object
	group                 object // what resourceGroup() is
}

// scope is that of a deployment. The caller holds the lock.
func (a *API) scope(c call, template, properties object) scope {
	s := scope{parameters: object{}, group: object{"id": c.where.group()}}
	if r := a.resources[strings.ToLower(c.where.group())]; r != nil {
		s.group = object{"id": r.where.id, "name": r.where.name, "location": r.data["location"]}
	}
	s.variables, _ = template["variables"].(object)
	declared, _ := template["parameters"].(object)
	for name := range declared {
		s.parameters[name] = dig(declared, name, "defaultValue")
	}
	given, _ := properties["parameters"].(object)
	for name := range given {
		s.parameters[name] = dig(given, name, "value")
	}
	return s
}

// expand works out all expressions in a value.
func (s scope) expand(value any) (any, error) {
	switch v := value.(type) {
	case string:
		if !strings.HasPrefix(v, "[") || strings.HasPrefix(v, "[[") || !strings.HasSuffix(v, "]") {
			return v, nil
		}
		p := parser{scope: s, rest: v[1 : len(v)-1]}
		result, err := p.expression()
		if err == nil && strings.TrimSpace(p.rest) != "" {
			err = fmt.Errorf("the end of %s", v)
		}
		return result, err
	case []any:
		all := make([]any, len(v))
		for i := range v {
			var err error
			if all[i], err = s.expand(v[i]); err != nil {
				return nil, err
			}
		}
		return all, nil
	case object:
		all := object{}
		for name := range v {
			var err error
			if all[name], err = s.expand(v[name]); err != nil {
				return nil, err
			}
		}
		return all, nil
	default:
		return value, nil
	}
}

// parser reads one expression: a string in quotes, or a call, of whose result members may be
// taken.
type parser struct {
	scope scope
	rest  string
}

func (p *parser) expression() (any, error) {
	p.rest = strings.TrimSpace(p.rest)
	if text, ok := strings.CutPrefix(p.rest, "'"); ok {
		value, rest, closed := strings.Cut(text, "'")
		p.rest = rest
		if !closed {
			return nil, fmt.Errorf("a string without its end: %s", text)
		}
		return value, nil
	}
	end := strings.IndexFunc(p.rest, func(r rune) bool { return r != '_' && (r < '0' || r > '9') && (r|0x20 < 'a' || r|0x20 > 'z') })
	if end < 1 || p.rest[end] != '(' {
		return nil, fmt.Errorf("no function at %s", p.rest)
	}
	name := p.rest[:end]
	p.rest = p.rest[end+1:]
	arguments, err := p.arguments()
	if err != nil {
		return nil, err
	}
	value, err := p.scope.call(name, arguments)
	if err != nil {
		return nil, err
	}
	for strings.HasPrefix(p.rest, ".") {
		end := strings.IndexAny(p.rest[1:]+",", ".,)] ") + 1
		value = dig(value, p.rest[1:end])
		p.rest = p.rest[end:]
	}
	return value, nil
}

// arguments are those up to the closing parenthesis, which is read as well.
func (p *parser) arguments() ([]any, error) {
	var all []any
	for {
		p.rest = strings.TrimLeft(p.rest, " ,")
		if rest, ok := strings.CutPrefix(p.rest, ")"); ok {
			p.rest = rest
			return all, nil
		}
		if p.rest == "" {
			return nil, fmt.Errorf("a call without its end")
		}
		value, err := p.expression()
		if err != nil {
			return nil, err
		}
		all = append(all, value)
	}
}

// call is the result of a function.
func (s scope) call(name string, arguments []any) (any, error) {
	texts := make([]string, len(arguments))
	for i := range arguments {
		texts[i] = fmt.Sprint(arguments[i])
	}
	all := strings.Join(texts, "")
	switch strings.ToLower(name) {
	case "parameters":
		value, there := s.parameters[all]
		if !there {
			return nil, fmt.Errorf("the template parameter '%s' is not found", all)
		}
		return value, nil
	case "variables":
		value, there := s.variables[all]
		if !there {
			return nil, fmt.Errorf("the template variable '%s' is not found", all)
		}
		return s.expand(value)
	case "concat":
		return all, nil
	case "empty":
		return all == "", nil
	case "not":
		return all != "true", nil
	case "resourcegroup":
		return s.group, nil
	case "resourceid":
		if len(texts) == 0 {
			return nil, fmt.Errorf("resourceId without arguments")
		}
		return fmt.Sprint(s.group["id"]) + "/providers/" + resourcePath(texts[0], strings.Join(texts[1:], "/")), nil
	case "reference":
		return object{}, nil // of resources that are not there yet
	default:
		return nil, fmt.Errorf("the template function '%s' is not emulated", name)
	}
}
