package policy

import (
	"fmt"
	"strings"
)

// reason says what was decided, by which rule, and what put it before runnerUp.
func (x *explainer) reason(runnerUp *grant) string {
	switch {
	case x.Rule.Pattern == "" && !canonicalPath(x.Path):
		return "no request can have this path, so no rule decides it"
	case x.Rule.Pattern == "":
		return "no rule matches this path, and what no rule allows is denied"
	}
	text := named(x.Rule.Pattern, x.Rule.Policy)
	switch given := x.Rule.Capabilities; {
	case given&Deny != 0:
		text += " denies everything here"
	case given == 0:
		text += " grants nothing here"
	case x.Need == 0:
		text += " decides here"
	case x.Allowed:
		text += " allows " + inWords(x.Need)
	default:
		text += " does not grant " + inWords(x.Need&^given)
	}
	switch {
	case runnerUp == nil && len(x.Others) > 0:
		return text + ", and cancels what other policies grant at the same path"
	case runnerUp == nil:
		return text + ", and no other rule matches"
	}
	_, by := compare(&grant{pattern: x.Rule.Pattern, wild: newWildcard(x.Rule.Pattern)}, runnerUp)
	return fmt.Sprintf("%s; it decides because %s %q, the next best", text, criteria[by].won, runnerUp.pattern)
}

// named is how a sentence calls a rule.
func named(pattern, policies string) string {
	if strings.Contains(policies, ",") {
		return fmt.Sprintf("the rule %q of the policies %s", pattern, strings.ReplaceAll(policies, ",", ", "))
	}
	return fmt.Sprintf("the rule %q of the policy %s", pattern, policies)
}

// inWords lists capabilities for a sentence.
func inWords(c Capability) string { return strings.Join(c.list(), ", ") }

// findHints looks for what a tired reader may have overlooked.
func (x *explainer) findHints() {
	x.hintShape()
	if x.Need == 0 && len(x.spellings) == 1 {
		if d := x.acl.DecideList(x.Path); d.Pattern != x.Rule.Pattern {
			x.hint("to list it, %s decides: %s", named(d.Pattern, d.Policy), strings.Join(d.Capabilities.Strings(), ", "))
		}
	}
	if x.Allowed || !canonicalPath(x.Path) {
		return
	}
	x.hintCapability()
	var found [missKinds]int
	seen := map[string]bool{}
	for _, g := range x.rules {
		if seen[g.pattern] || !x.helps(g.caps) {
			continue
		}
		kind, text := x.nearMiss(g)
		if kind == noMiss || found[kind] == missesOfAKind {
			continue
		}
		found[kind]++
		seen[g.pattern] = true
		x.hint("%s %s", named(g.pattern, g.policy), text)
	}
}

func (x *explainer) hint(format string, args ...any) {
	if len(x.Hints) < maxHints {
		x.Hints = append(x.Hints, fmt.Sprintf(format, args...))
	}
}

// hintShape is about a path that was not written as policies write it.
func (x *explainer) hintShape() {
	bare := strings.TrimLeft(x.Path, "/")
	under, api := strings.CutPrefix(bare, "v1/")
	switch {
	case x.Path == "":
		x.hint("the path is empty")
	case api && under != "":
		x.hint(`policies name what follows "v1/": ask about %q`, under)
	case bare != x.Path && bare != "":
		x.hint("policies name a path without its leading slash: ask about %q", bare)
	case !canonicalPath(x.Path):
		x.hint(`the path holds an empty segment, "." or "..", or a character that no path of a request has`)
	case strings.ContainsAny(x.Path, "*+"):
		x.hint("'*' and '+' are wildcards in a rule, and plain characters in the path that is asked about")
	}
}

// hintCapability is about a path whose rule is there and gives something else.
func (x *explainer) hintCapability() {
	given := x.Rule.Capabilities
	if x.Need&Update != 0 && given&(Create|Update) == Create {
		x.hint("create is only for what does not exist yet; other writes, and operations with a key, need update")
	}
	if x.Need&List != 0 && given&(Read|List) == Read {
		x.hint("read does not include list")
	}
	for _, o := range x.Others {
		if x.helps(o.Capabilities) {
			x.hint("%s would allow it, but does not count: only the deciding rule does", named(o.Pattern, o.Policy))
			return
		}
	}
}
