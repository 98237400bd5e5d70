// Package conformance holds tests only: they replay one script of calls (testdata/script.json)
// through the public Go client and the public Node client, and compare every reply with what
// the script expects and with the replies of a real deployment.
package conformance
