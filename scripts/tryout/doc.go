// Command tryout is the part of scripts/quickstart and scripts/cluster that bash cannot
// do without other tools: it sends requests, to sign something and for a token among
// them, finds their audit records, and finds free ports.
//
//	tryout sign KEY FILE OUT      sign FILE, write the DER signature to OUT, print "REQUEST-ID SIGNATURE"
//	tryout put PATH JSON          send PUT /v1/PATH
//	tryout token ISSUER PROFILE SUBJECT AUDIENCE OUT
//	                              issue a token, write it to OUT, print "REQUEST-ID"
//	tryout record LOG REQUEST-ID  print the record of that request
//	tryout ports N                print N free ports of loopback
//
// It owns no format: a request is what any HTTP client would send, and a record
// is shown as it stands in the log. It never prints the token, which it takes
// from SIGNET_TOKEN together with SIGNET_ADDR, and it verifies nothing: that is
// left to a program that has nothing to do with Signet.
//
// The invariant: what it prints about a signature or a token comes from the record with the
// request id that the server gave for it, and there is exactly one such record.
//
// Start reading at main.go, then sign.go, token.go and record.go.
package main
