# Short names for the commands of CONTRIBUTING.md; the commands hold everything.
.PHONY: check test short demo lint bench

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
