/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * weir COMMAND ...: the table of commands. Names are exact. */
#include "command/command.h"
#include "command/reason.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#ifndef WEIR_VERSION
#define WEIR_VERSION "unknown"
#endif

static const struct command *const commands[] = {
    &command_compile, &command_attach,   &command_detach, &command_status, &command_counters,
    &command_explain, &command_replay,   &command_cost,   &command_print,  &command_diff,
    &command_check,   &command_optimize, &command_export, &command_apply,  &command_try,
    &command_confirm, &command_rollback, &command_set,    &command_feed,   &command_daemon,
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *out)
{
	fputs("usage: weir COMMAND ...\n"
	      "\n"
	      "A host's packet filter: drops in XDP what the rules would drop anyway; checks, compares and "
	      "rewrites\nthem; applies a short policy, with a way back.\n"
	      "\n",
	      out);
	for (size_t i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fputs("  help       this text, or that of a command\n"
	      "\n"
	      "weir COMMAND --help tells more. Exit status: 0 done, 1 findings, 2 bad usage or input,\n"
	      "3 the system refused, 4 undecided within the budget.\n",
	      out);
}

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		if (strcmp(commands[i]->name, name) == 0)
			return commands[i];
	}
	return NULL;
}

/* Levenshtein's distance; names of commands are short. */
#define NAME_MAX_COMPARED 32
static size_t edit_distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_COMPARED + 1];
	size_t a_size = strlen(a), b_size = strlen(b);
	if (a_size > NAME_MAX_COMPARED || b_size > NAME_MAX_COMPARED)
		return SIZE_MAX;
	for (size_t j = 0; j <= b_size; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_size; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b_size; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			diagonal = row[j];
			row[j] = best;
		}
	}
	return row[b_size];
}

static int unknown_command(const char *name)
{
	const char *nearest = NULL;
	size_t distance = 4; /* further away it is no slip of the keyboard */
	for (size_t i = 0; i < COMMAND_COUNT; i++) {
		size_t current = edit_distance(name, commands[i]->name);
		bool prefix = name[0] && strncmp(name, commands[i]->name, strlen(name)) == 0;
		if (prefix)
			current = 0;
		if (current < distance) {
			distance = current;
			nearest = commands[i]->name;
		}
	}
	struct buffer clean = {0};
	clean_print(text_of(name), &clean);
	fprintf(stderr, "weir: unknown command '%.*s'\n", (int)clean.size, clean.data ? clean.data : "");
	buffer_fini(&clean);
	if (nearest)
		fprintf(stderr, "  hint: did you mean '%s'?\n", nearest);
	else
		fputs("  hint: weir help lists the commands\n", stderr);
	return EXIT_USAGE;
}

static int run(int argc, char **argv)
{
	if (argc < 2) {
		print_help(stderr);
		return EXIT_USAGE;
	}
	const char *name = argv[1];
	bool help = strcmp(name, "help") == 0;
	if (strcmp(name, "--version") == 0) {
		puts("weir " WEIR_VERSION);
		return EXIT_DONE;
	}
	if (strcmp(name, "--help") == 0 || (help && argc == 2)) {
		print_help(stdout);
		return EXIT_DONE;
	}
	const struct command *command = find_command(help ? argv[2] : name);
	if (!command)
		return unknown_command(help ? argv[2] : name);
	if (help) {
		char option[] = "--help";
		char *arguments[] = {argv[2], option, NULL};
		return command->main(2, arguments);
	}
	return command->main(argc - 1, argv + 1);
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN); /* a closed pipe is a failed write, reported below */
	int code = run(argc, argv);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		if (errno != EPIPE)
			fputs("weir: cannot write the output\n", stderr);
		if (code == EXIT_DONE)
			code = EXIT_SYSTEM;
	}
	return code;
}
