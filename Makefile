# Short names for the commands of CONTRIBUTING.md; the commands hold everything.
.PHONY: check test short demo lint bench install man

# Where go install puts programs.
BIN ?= $(or $(shell go env GOBIN),$(shell go env GOPATH)/bin)
MAN ?= /usr/local/share/man/man1

check:
	go run ./dev/check

test:
	go test ./...

short:
	go test -short ./...

demo:
	go run ./localstack demo

lint:
	go run ./dev/check -lint

bench:
	go test ./dev/benchmarks -run '^$$' -bench . -benchtime 1x

install:
	go build -o "$(BIN)/stemflow" ./starter
	ln -sf stemflow "$(BIN)/temporal-stemflow"

man:
	go run ./starter man --out "$(MAN)"
