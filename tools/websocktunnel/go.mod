module github.com/workerkit/workerkit/tools/websocktunnel

go 1.26.0

tool github.com/taskcluster/taskcluster/v83/tools/websocktunnel/cmd/websocktunnel

require github.com/taskcluster/taskcluster/v83 v83.5.6

require (
	github.com/docopt/docopt-go v0.0.0-20180111231733-ee0de3bc6815 // indirect
	github.com/golang-jwt/jwt/v4 v4.5.2 // indirect
	github.com/gorilla/websocket v1.5.3 // indirect
	github.com/mozilla-services/go-mozlogrus v2.0.0+incompatible // indirect
	github.com/sirupsen/logrus v1.9.3 // indirect
	golang.org/x/sys v0.32.0 // indirect
)
