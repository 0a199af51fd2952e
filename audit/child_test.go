package audit

const childEnv = "SIGNET_AUDIT_TEST_CHILD"

func child() {}
