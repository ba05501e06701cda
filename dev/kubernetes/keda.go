//go:build linux

package main

import "context"

func (p *proof) proveKEDA(context.Context) error { return nil }
