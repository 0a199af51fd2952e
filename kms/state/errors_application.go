package state

// The refusals about applications and their credentials.
const (
	ErrApplicationMissing Refusal = "no such application"
	ErrApplicationInUse   Refusal = "roles name this application; delete them, or give them another one, first"
	ErrApplicationBlocked Refusal = "the application is blocked"
	ErrNotBlocked         Refusal = "the application is not blocked"
	ErrRoleMissing        Refusal = "the role does not exist, or takes no secret ids"
	ErrRoleIDTaken        Refusal = "role_id already in use"
	ErrSecretIDExists     Refusal = "this secret id is registered already"
	ErrRoleChanged        Refusal = "the role or its application was changed meanwhile, and nothing was done; log in again"
	ErrLogin              Refusal = "invalid role or secret ID"
)
