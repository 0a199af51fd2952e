package main

import (
	"github.com/spf13/cobra"

	"github.com/signet-kms/signet/client/wire"
)

// takeLists sets the lists whose flags were given; lists is name of the flag → list.
// A flag that is given and empty clears its list.
func takeLists(cmd *cobra.Command, lists map[string]*wire.StringList) error {
	for name, list := range lists {
		if !cmd.Flags().Changed(name) {
			continue
		}
		values, err := cmd.Flags().GetStringSlice(name)
		if err != nil {
			return err
		}
		*list = append(wire.StringList{}, values...)
	}
	return nil
}
