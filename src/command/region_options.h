/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The options that say what is known of the host and what is allowed, shared by the commands that compute
 * what may be dropped early. A command puts REGION_OPTIONS into its own table for getopt_long() and offers it
 * each option. */
#ifndef WEIR_COMMAND_REGION_OPTIONS_H
#define WEIR_COMMAND_REGION_OPTIONS_H

#include "meaning/region.h"

#include <getopt.h>

/* Values of getopt_long(); a command's own begin at OPTION_OWN. */
enum {
	OPTION_ALLOW = 256,
	OPTION_FORWARD,
	OPTION_LOCAL,
	OPTION_INTERFACE,
	OPTION_OWN = 512,
};

/* attach has the interface as an argument and takes the first three only. */
#define REGION_OPTIONS_WITHOUT_INTERFACE                                                                     \
	{"allow", required_argument, NULL, OPTION_ALLOW},                                                    \
	    {"forward", required_argument, NULL, OPTION_FORWARD},                                            \
	{                                                                                                    \
		"local", required_argument, NULL, OPTION_LOCAL                                               \
	}
#define REGION_OPTIONS                                                                                       \
	REGION_OPTIONS_WITHOUT_INTERFACE,                                                                    \
	{                                                                                                    \
		"interface", required_argument, NULL, OPTION_INTERFACE                                       \
	}

/* For --help, after the command's own options. */
#define REGION_OPTIONS_HELP_WITHOUT_INTERFACE                                                                \
	"  --allow LIST            drop early although these effects are then missed: log, reject,\n"        \
	"                          counter, state, conntrack (with commas), or all\n"                        \
	"  --forward yes|no        whether the host forwards what arrives there; not given: perhaps\n"       \
	"  --local ADDR[/LEN]      these destinations are the host's own (repeatable)\n"
#define REGION_OPTIONS_HELP                                                                                  \
	REGION_OPTIONS_HELP_WITHOUT_INTERFACE                                                                \
	"  --interface IFACE       the interface of arrival; not given: whichever it is\n"

struct region_arguments {
	unsigned allowed;
	enum truth forwarding;
	const char *interface; /* NULL: not given */
	struct region_local *locals;
	size_t local_count, local_capacity;
};

void region_arguments_init(struct region_arguments *arguments);
void region_arguments_fini(struct region_arguments *arguments);
/* 1 when the option is one of these, 0 when not; -EINVAL or -ENOMEM with a message on standard error. */
int region_arguments_take(struct region_arguments *arguments, const char *command, int option,
			  const char *value);
/* The options as region_compute() takes them; they point into the arguments. */
struct region_options region_arguments_options(const struct region_arguments *arguments);

#endif
