/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "read/rule_options.h"

/* "-s" and its kind, by their letter. */
static const unsigned char short_options[256] = {
    ['s'] = OPTION_SOURCE,  ['d'] = OPTION_DESTINATION, ['p'] = OPTION_PROTOCOL, ['i'] = OPTION_IN,
    ['o'] = OPTION_OUT,     ['f'] = OPTION_FRAGMENT,    ['c'] = OPTION_COUNTERS, ['j'] = OPTION_TARGET,
    ['g'] = OPTION_GOTO,    ['m'] = OPTION_MATCH,       ['4'] = OPTION_IPV4,     ['6'] = OPTION_IPV6,
    ['v'] = OPTION_VERBOSE,
};

/* All that iptables itself has, in the order of its names: what abbreviates two of them it refuses. */
static const struct {
	const char *name;
	enum rule_option option;
} long_options[] = {
    {"--append", OPTION_COMMAND},
    {"--check", OPTION_COMMAND},
    {"--delete", OPTION_COMMAND},
    {"--delete-chain", OPTION_COMMAND},
    {"--destination", OPTION_DESTINATION},
    {"--dst", OPTION_DESTINATION},
    {"--exact", OPTION_COMMAND},
    {"--flush", OPTION_COMMAND},
    {"--fragments", OPTION_FRAGMENT}, /* of iptables alone */
    {"--goto", OPTION_GOTO},
    {"--help", OPTION_COMMAND},
    {"--in-interface", OPTION_IN},
    {"--insert", OPTION_COMMAND},
    {"--ipv4", OPTION_IPV4},
    {"--ipv6", OPTION_IPV6},
    {"--jump", OPTION_TARGET},
    {"--line-numbers", OPTION_COMMAND},
    {"--list", OPTION_COMMAND},
    {"--list-rules", OPTION_COMMAND},
    {"--match", OPTION_MATCH},
    {"--modprobe", OPTION_COMMAND},
    {"--new-chain", OPTION_COMMAND},
    {"--numeric", OPTION_COMMAND},
    {"--out-interface", OPTION_OUT},
    {"--policy", OPTION_COMMAND},
    {"--protocol", OPTION_PROTOCOL},
    {"--rename-chain", OPTION_COMMAND},
    {"--replace", OPTION_COMMAND},
    {"--set-counters", OPTION_COUNTERS},
    {"--source", OPTION_SOURCE},
    {"--src", OPTION_SOURCE},
    {"--table", OPTION_COMMAND},
    {"--verbose", OPTION_VERBOSE},
    {"--version", OPTION_COMMAND},
    {"--wait", OPTION_COMMAND},
    {"--wait-interval", OPTION_COMMAND},
    {"--zero", OPTION_COMMAND},
};
#define LONG_OPTION_COUNT (sizeof(long_options) / sizeof(*long_options))

static bool is_of_family(enum family family, size_t option)
{
	return long_options[option].option != OPTION_FRAGMENT || family == FAMILY_IPV4;
}

enum rule_option rule_option_of_letter(char letter)
{
	return (enum rule_option)short_options[(unsigned char)letter];
}

enum rule_option rule_option_find(enum family family, struct text text)
{
	if (text.size == 2)
		return rule_option_of_letter(text.data[1]);
	for (size_t i = 0; i < LONG_OPTION_COUNT; i++) {
		const char *name = long_options[i].name;
		/* A look at the third character spares most comparisons. */
		if (text.data[2] == name[2] && text_is(text, name) && is_of_family(family, i))
			return long_options[i].option;
	}
	return OPTION_NONE;
}

struct text rule_option_name(enum rule_option option)
{
	size_t i = 0;

	while (long_options[i].option != option)
		i++;
	return text_of(long_options[i].name);
}

void rule_options_note(struct option_search *search, enum family family)
{
	for (size_t i = 0; i < LONG_OPTION_COUNT; i++)
		if (is_of_family(family, i))
			option_search_note(search, long_options[i].name);
}
