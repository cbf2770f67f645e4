/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Reads --allow, --forward, --local and --interface. What is not said stays unknown. */
#include "command/region_options.h"
#include "command/command.h"
#include "packet/address.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LOCALS_MAX 65536

void region_arguments_init(struct region_arguments *arguments)
{
	*arguments = (struct region_arguments){.forwarding = TRUTH_UNKNOWN};
}

void region_arguments_fini(struct region_arguments *arguments)
{
	free(arguments->locals);
	arguments->locals = NULL;
	arguments->local_count = 0;
}

/* ADDR or ADDR/LEN. */
static bool local_parse(struct text text, struct region_local *local)
{
	const char *slash = memchr(text.data, '/', text.size);
	struct text number = {text.data, slash ? (size_t)(slash - text.data) : text.size};
	enum family family = memchr(number.data, ':', number.size) ? FAMILY_IPV6 : FAMILY_IPV4;
	uint64_t length = family_bits(family);
	address value;
	if (address_parse(family, number, &value) != 0)
		return false;
	if (slash) {
		struct text rest = {slash + 1, text.size - number.size - 1};
		if (number_parse(rest, family_bits(family), &length) != 0)
			return false;
	}
	address mask = prefix_mask(family, (unsigned)length);
	*local = (struct region_local){
	    .family = family, .low = value & mask, .high = (value & mask) | (family_max(family) & ~mask)};
	return true;
}

static int local_add(struct region_arguments *arguments, const char *command, const char *value)
{
	struct region_local local;
	if (!local_parse(text_of(value), &local)) {
		command_fail(command, EXIT_USAGE, "--local %s: expected an address or prefix", value);
		return -EINVAL;
	}
	if (arguments->local_count == LOCALS_MAX) {
		command_fail(command, EXIT_USAGE, "--local: more than %d of them", LOCALS_MAX);
		return -EINVAL;
	}
	if (arguments->local_count == arguments->local_capacity) {
		size_t capacity = arguments->local_capacity ? 2 * arguments->local_capacity : 16;
		struct region_local *grown = reallocarray(arguments->locals, capacity, sizeof(*grown));
		if (!grown) {
			command_fail(command, EXIT_SYSTEM, "out of memory");
			return -ENOMEM;
		}
		arguments->locals = grown;
		arguments->local_capacity = capacity;
	}
	arguments->locals[arguments->local_count++] = local;
	return 0;
}

int region_arguments_take(struct region_arguments *arguments, const char *command, int option,
			  const char *value)
{
	switch (option) {
	case OPTION_ALLOW:
		if (command_parse_effects(value, &arguments->allowed) != 0) {
			command_fail(
			    command, EXIT_USAGE,
			    "--allow %s: expected log, reject, counter, state, conntrack or all, with commas",
			    value);
			return -EINVAL;
		}
		return 1;
	case OPTION_FORWARD:
		if (strcmp(value, "yes") != 0 && strcmp(value, "no") != 0) {
			command_fail(command, EXIT_USAGE, "--forward %s: expected yes or no", value);
			return -EINVAL;
		}
		arguments->forwarding = strcmp(value, "yes") == 0 ? TRUTH_YES : TRUTH_NO;
		return 1;
	case OPTION_LOCAL: {
		int result = local_add(arguments, command, value);
		return result ? result : 1;
	}
	case OPTION_INTERFACE:
		if (value[0] == '\0' || strlen(value) >= INTERFACE_NAME_MAX || strchr(value, '/')) {
			command_fail(command, EXIT_USAGE, "--interface %s: not the name of an interface",
				     value);
			return -EINVAL;
		}
		arguments->interface = value;
		return 1;
	default:
		return 0;
	}
}

struct region_options region_arguments_options(const struct region_arguments *arguments)
{
	struct region_options options = {
	    .interface = arguments->interface,
	    .local_count = arguments->local_count,
	    .locals = arguments->locals,
	    .allowed = arguments->allowed,
	};
	for (unsigned family = 0; family < FAMILY_COUNT; family++) {
		options.forwarding[family] = arguments->forwarding;
		options.nat[family] = TRUTH_UNKNOWN;
	}
	return options;
}
