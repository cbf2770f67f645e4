/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Whether the copies of a policy's mirrors would get where they are to go, by the routes of the host as they
 * are; and what a mirror cannot do, said when it comes into force. */
#include "command/applied.h"
#include "command/command.h"
#include "kernel/route.h"
#include "packet/address.h"
#include "read/policy/policy.h"

#include <net/if.h>
#include <stdio.h>
#include <string.h>

static const char *problem(enum route_way way)
{
	switch (way) {
	case ROUTE_WAY_VIA:
		return "is behind a router there, which would send the copies where the packets were going";
	case ROUTE_WAY_LOCAL:
		return "is this host itself, or all of the link";
	case ROUTE_WAY_NONE:
		return "is on no network of it";
	case ROUTE_WAY_LINK:
		break;
	}
	return NULL;
}

static int check_gateway(const struct policy_statement *statement, enum family family,
			 struct diagnostics *sink)
{
	const struct policy_mirror *mirror = &statement->mirror;
	unsigned device = if_nametoindex(mirror->device);
	struct buffer name = {0};
	enum route_way way;
	uint8_t bytes[16];

	/* An interface that is not there the kernel refuses by itself. */
	if (!mirror->has_gateway[family] || !statement->selector.families[family] || !device)
		return 0;
	address_to_bytes(family, mirror->gateway[family], bytes);
	int error = route_ask_by(family, bytes, device, &way);
	if (error || !problem(way))
		return error;
	address_print(family, mirror->gateway[family], &name);
	diagnostic_hint(diagnostic_add(sink, SEVERITY_ERROR, "mirror-not-on-link",
				       mirror->gateway_span[family], "%s is not on the link of %s: it %s",
				       name.data ? name.data : "the receiver", mirror->device, problem(way)),
			"give %s an address of the receiver's network, or a route to the receiver",
			mirror->device);
	buffer_fini(&name);
	return 0;
}

static size_t each_mirror(const struct ruleset *ruleset, struct diagnostics *sink, int *error)
{
	size_t count = 0;

	for (size_t i = 0; i < ruleset->policy_count; i++) {
		const struct policy_tree *tree = ruleset->policies[i];
		for (size_t k = 0; k < tree->statement_count; k++) {
			if (tree->statements[k].kind != STATEMENT_MIRROR)
				continue;
			count++;
			for (int family = 0; family < FAMILY_COUNT && sink && !*error; family++)
				*error = check_gateway(&tree->statements[k], (enum family)family, sink);
		}
	}
	return count;
}

int apply_mirrors(const char *command, const struct ruleset *ruleset)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	struct buffer text = {0};
	int error = 0;

	if (!sink)
		return command_fail(command, EXIT_SYSTEM, "out of memory");
	each_mirror(ruleset, sink, &error);
	if (error)
		return command_fail(command, EXIT_SYSTEM,
				    "the routes cannot be asked: %s: nothing was changed", strerror(-error));
	if (!diagnostics_errors(sink))
		return EXIT_DONE;
	diagnostics_print(sink, &text);
	fputs(text.data ? text.data : "", stderr);
	buffer_fini(&text);
	return command_fail(command, EXIT_USAGE, "no copy would get to its receiver: nothing was changed");
}

void apply_mirrors_note(const char *command, const struct ruleset *ruleset)
{
	struct buffer note = {0};

	if (!each_mirror(ruleset, NULL, NULL))
		return;
	buffer_puts(&note,
		    "mirror: what is dropped early, by XDP, is not copied; the receiver must have ip_forward "
		    "off, or it sends the copies on");
	applied_note(command, &note);
	buffer_fini(&note);
}
