package jose

// How long may a schema take? A value is looked at by the schema that stands for
// it, by those which that one names for the same value ($ref, allOf, if …), and,
// from the level above, by every schema that reaches down (properties, items …).
// Small schemas can multiply these looks without end: a reference to itself, or
// two references to the next definition, which has two to the next one.
//
// So the looks are counted before the schema is accepted. The weight of a schema
// is what one look at a value costs, about a microsecond each. For a value k
// levels below the outermost one, the sum of the weights of all looks that can
// fall on it is
//
//	cost(schema, 0) = weight + Σ cost(here, 0)
//	cost(schema, k) =          Σ cost(here, k) + Σ cost(each, k-1) + max cost(either, k-1)
//
// and claims are MaxClaimsDepth levels deep at most. If no level is above
// maxSchemaCost, the time for a claims set is bounded by its length times that.
const maxSchemaCost = 512

type visit int

const (
	visitNew visit = iota
	visitOpen
	visitDone
)

// checkCost refuses a schema that refers to itself for the same value, and one
// that costs too much.
func (s *survey) checkCost() error {
	order := make([]*schemaNode, 0, len(s.order)) // what stands in here comes before it
	for _, n := range s.order {
		var err error
		if order, err = n.visit(order); err != nil {
			return err
		}
	}
	for level := range MaxClaimsDepth + 1 {
		now, above := level%2, (level+1)%2
		for _, n := range order {
			n.cost[now] = n.costAt(level, now, above)
			if n.cost[now] > maxSchemaCost {
				return tooCostly(n.at)
			}
		}
	}
	return nil
}

func tooCostly(at string) error {
	return schemaFault(at, "could look at one value too often: use fewer or smaller patterns, lists and references (cost above %d)", maxSchemaCost)
}

// visit appends n behind everything it names for the same value. Its depth is the
// number of schemas at most, which MaxClaimsText bounds.
func (n *schemaNode) visit(order []*schemaNode) ([]*schemaNode, error) {
	switch n.state {
	case visitDone:
		return order, nil
	case visitOpen:
		return nil, schemaFault(n.at, "refers to itself without going into the value")
	}
	n.state = visitOpen
	for _, other := range n.here {
		var err error
		if order, err = other.visit(order); err != nil {
			return nil, err
		}
	}
	n.state = visitDone
	return append(order, n), nil
}

func (n *schemaNode) costAt(level, now, above int) int {
	sum := 0
	if level == 0 {
		sum = n.weight
	}
	for _, other := range n.here {
		sum += other.cost[now]
	}
	if level == 0 {
		return sum
	}
	for _, other := range n.each {
		sum += other.cost[above]
	}
	most := 0
	for _, other := range n.either {
		most = max(most, other.cost[above])
	}
	return sum + most
}
