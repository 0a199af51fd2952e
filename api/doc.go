// Package api owns HTTP: the routes as one table, the limits before and after
// authentication, the form of every answer, and the one table from error to
// status.
//
// It never decides who may do what and never touches a key: it hands each
// request to one method of kms.Service and writes down what that says.
//
// The invariant it keeps: no request reaches a verb without a limit, a method, a
// canonical path and, where the route asks for one, a caller; and what is not in
// the error table leaves as "internal error" without detail.
//
// Start reading at routes.go, then at Server.ServeHTTP in server.go.
package api
