package jose

import "errors"

type schema struct{}

func compileSchema(text []byte) (*schema, error) { return nil, errors.New("not yet") }
func (s *schema) check(payload []byte) error     { return nil }
