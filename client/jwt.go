package client

// JWT has the calls about tokens that others verify: the issuers, their profiles,
// and what is done with them. A [Token] is something else, which the server itself
// asks for.
type JWT struct{ c *Client }

// JWT returns the calls about issuers and their tokens.
func (c *Client) JWT() JWT { return JWT{c} }
