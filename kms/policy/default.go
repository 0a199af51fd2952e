package policy

// DefaultPolicy is the text of the built-in policy named default until it is
// written anew: what every token may do with itself.
const DefaultPolicy = `# What every token may do with itself. It can be changed, not deleted.

# look at itself
path "auth/token/lookup-self" {
  capabilities = ["read"]
}

# live longer, as far as its own limits let it
path "auth/token/renew-self" {
  capabilities = ["update"]
}

# end itself
path "auth/token/revoke-self" {
  capabilities = ["update"]
}

# ask what it may do
path "sys/capabilities-self" {
  capabilities = ["update"]
}

# ask which rule says so
path "sys/policies/check" {
  capabilities = ["update"]
}
`
