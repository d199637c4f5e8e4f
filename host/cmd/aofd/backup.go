package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"github.com/aof-dev/aofd/host"
	"github.com/aof-dev/aofd/host/internal/config"
)

// storeFlags are those of commands about the store. The returned function reads them.
func storeFlags(cmd *cobra.Command) func() (host.Settings, error) {
	var o config.Overrides
	var path string
	f := cmd.Flags()
	f.StringVarP(&path, "config", "c", "", "DaemonConfig file; only spec.store and spec.data_dir count")
	f.StringVar(&o.DataDir, "data-dir", "", "folder of the daemon's data (default: ./data)")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	_ = cmd.MarkFlagDirname("data-dir")
	return func() (host.Settings, error) {
		s, err := settings(path, o, false)
		return host.Settings{Config: s, Logger: logger(cmd.ErrOrStderr(), 0, "")}, err
	}
}

func oneFile(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError{fmt.Errorf("%s takes one argument, the file", cmd.CommandPath())}
	}
	return nil
}

func backupCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "backup <file>", Short: "Copy all messages to a file; daemons may run", Args: oneFile,
		Long: "backup copies all messages, as they are at one moment, to a new file. The daemon goes on meanwhile. The\n" +
			"file is one of SQLite, also when messages are in PostgreSQL, and is for this user only.",
	}
	read := storeFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := read()
		if err != nil {
			return err
		}
		if err := host.Backup(cmd.Context(), s, args[0]); err != nil {
			return err
		}
		fmt.Fprintln(cmd.OutOrStdout(), args[0])
		return nil
	}
	return cmd
}

func restoreCommand() *cobra.Command {
	var resume bool
	cmd := &cobra.Command{
		Use: "restore <file>", Short: "Put a backup in the place of all messages", Args: oneFile,
		Long: "restore puts a file that `aofd backup` made in the place of all messages. The daemon must not run. A file\n" +
			"that is there is kept under another name; a PostgreSQL schema must be empty.\n\n" +
			"What waited when the backup was made may have been done since, so it is not done again: such messages end\n" +
			"as failed, and such deliveries as unknown; `aofd replay` and `aofd dlq` bring them back. With --resume they\n" +
			"go on: say so when the daemon was stopped before the backup and did not run again.",
	}
	cmd.Flags().BoolVar(&resume, "resume", false, "go on with what waited: nothing was done since the backup")
	read := storeFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		s, err := read()
		if err != nil {
			return err
		}
		r, err := host.Restore(cmd.Context(), s, args[0], resume)
		if err != nil {
			return err
		}
		out := cmd.OutOrStdout()
		fmt.Fprintf(out, "restored %s\n", args[0])
		if r.Aside != "" {
			fmt.Fprintf(out, "what was there before is kept in %s\n", r.Aside)
		}
		if r.Messages+r.Deliveries > 0 {
			fmt.Fprintf(out, "not resumed: %d messages, %d deliveries\n", r.Messages, r.Deliveries)
		}
		return nil
	}
	return cmd
}

func migrateCommand() *cobra.Command {
	var to, schema string
	cmd := &cobra.Command{
		Use: "migrate --to postgres://…", Short: "Move all messages from the file to PostgreSQL", Args: noArgs,
		Long: "migrate moves all messages from the file in the data directory to a PostgreSQL database, all or none, and\n" +
			"counts them on both sides. The daemon must not run. The file is kept under another name. Set spec.store.url\n" +
			"afterwards. The password comes from PGPASSWORD or the other variables of libpq.",
	}
	cmd.Flags().StringVar(&to, "to", "", "address of the database (required)")
	cmd.Flags().StringVar(&schema, "schema", "aofd", "namespace of the tables, as in spec.store.schema")
	read := storeFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if to == "" {
			return usageError{fmt.Errorf("--to is required: the address of the database, postgres://user@host/database")}
		}
		s, err := read()
		if err != nil {
			return err
		}
		moved, err := host.Migrate(cmd.Context(), s, to, schema)
		if err != nil {
			return err
		}
		out, all := cmd.OutOrStdout(), int64(0)
		for _, table := range slices.SortedFunc(maps.Keys(moved), cmp.Compare) {
			fmt.Fprintf(out, "%-14s %d\n", table, moved[table])
			all += moved[table]
		}
		fmt.Fprintf(out, "moved %d rows; now set spec.store.url\n", all)
		return nil
	}
	return cmd
}
