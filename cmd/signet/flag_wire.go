package main

import (
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client/wire"
)

// The flags below fill a field of a request as they are parsed, so that a wrong
// one is found before any input is read.

// boolFlag is a flag that may stand without a value.
type boolFlag struct{ to *wire.Bool }

func (f boolFlag) String() string {
	if f.to == nil || !f.to.Set {
		return ""
	}
	return strconv.FormatBool(f.to.Value)
}

func (f boolFlag) Set(text string) error {
	v, err := strconv.ParseBool(text)
	if err != nil {
		return errors.New("want true or false")
	}
	*f.to = wire.BoolOf(v)
	return nil
}

func (f boolFlag) Type() string { return "bool" }

// addBoolFlag lets the flag stand alone for true.
func addBoolFlag(cmd *cobra.Command, to *wire.Bool, name, help string) {
	cmd.Flags().VarPF(boolFlag{to}, name, "", help).NoOptDefVal = "true"
}

// versionFlag is a flag of a key version; 0 is the latest, which is sent
// as nothing.
type versionFlag struct{ to *wire.Int }

func (f versionFlag) String() string {
	if f.to == nil || !f.to.Set {
		return ""
	}
	return strconv.FormatInt(f.to.Value, 10)
}

func (f versionFlag) Set(text string) error {
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return errors.New("want the number of a version, or 0 for the latest")
	}
	*f.to = wire.Int{}
	if n > 0 {
		*f.to = wire.IntOf(int(n))
	}
	return nil
}

func (f versionFlag) Type() string { return "N" }

// bytesFlag is a flag whose text is sent as bytes; "" is sent as nothing.
type bytesFlag struct{ to *wire.Bytes }

func (f bytesFlag) String() string { return "" }

func (f bytesFlag) Set(text string) error {
	*f.to = wire.Bytes{}
	if text != "" {
		*f.to = wire.BytesOf([]byte(text))
	}
	return nil
}

func (f bytesFlag) Type() string { return "text" }

// saltFlag is a flag of the salt length of RSA PSS.
type saltFlag struct{ to *wire.String }

func (f saltFlag) String() string {
	if f.to == nil {
		return ""
	}
	return f.to.Value
}

func (f saltFlag) Set(text string) error {
	if n, err := strconv.Atoi(text); text != wire.SaltAuto && text != wire.SaltHash && (err != nil || n < 0) {
		return errors.New("want auto, hash or a length in bytes")
	}
	*f.to = wire.StringOf(text)
	return nil
}

func (f saltFlag) Type() string { return "length" }
