/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Names of the options that rules have of their own, without matches and targets. Nobody outside read/
 * includes it. */
#ifndef WEIR_READ_RULE_OPTIONS_H
#define WEIR_READ_RULE_OPTIONS_H

#include "ruleset/rule_parser.h"

enum rule_option {
	OPTION_NONE,
	OPTION_SOURCE,
	OPTION_DESTINATION,
	OPTION_PROTOCOL,
	OPTION_IN,
	OPTION_OUT,
	OPTION_FRAGMENT,
	OPTION_COUNTERS,
	OPTION_TARGET,
	OPTION_MATCH, /* may be repeated */
	OPTION_IPV4,
	OPTION_IPV6,
	OPTION_GOTO,
	OPTION_VERBOSE, /* says more while loading */
	OPTION_COMMAND, /* not of a rule */
};

/* OPTION_NONE: there is none. */
enum rule_option rule_option_of_letter(char letter);
/* By a word of two characters and more that begins with a dash: "-s", "--source". */
enum rule_option rule_option_find(enum family family, struct text text);
/* A long name of it. */
struct text rule_option_name(enum rule_option option);
/* All long names of that family, for what may abbreviate one. */
void rule_options_note(struct option_search *search, enum family family);

#endif
