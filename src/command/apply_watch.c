/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What weir daemon is to look after while a state is in force, kept with it as a policy of these statements
 * alone: so the daemon reads no policy that was not applied. All `balance` statements are in it, as the
 * number of a chain is that of its statement. */
#include "command/applied.h"
#include "packet/address.h"
#include "read/policy/policy.h"

#include <inttypes.h>
#include <netinet/in.h>

static void print_balance(const struct policy_statement *statement, struct buffer *out)
{
	const struct policy_selector *selector = &statement->selector;
	const struct policy_balance *balance = &statement->balance;

	buffer_printf(out, "balance %s to ", selector->protocols[0] == IPPROTO_UDP ? "udp" : "tcp");
	address_print(balance->family, selector->to.places[0].range.low, out);
	buffer_printf(out, " port %u %s {\n", selector->ports.ranges[0].low,
		      balance->method == BALANCE_HASH_SOURCE ? "hash source" : "round-robin");
	for (size_t i = 0; i < balance->backend_count; i++) {
		const struct policy_backend *backend = &balance->backends[i];
		buffer_puts(out, "\t");
		address_print(balance->family, backend->address, out);
		buffer_printf(out, " port %u weight %" PRIu32 "\n", backend->port, backend->weight);
	}
	buffer_puts(out, "}");
	if (balance->check_every)
		buffer_printf(out, " check every %" PRIu32 "s timeout %" PRIu32 "s", balance->check_every,
			      balance->check_timeout);
	buffer_puts(out, "\n");
}

void apply_watch(const struct ruleset *ruleset, struct buffer *out)
{
	bool checks = false;

	for (size_t i = 0; i < ruleset->policy_count; i++) {
		const struct policy_tree *tree = ruleset->policies[i];
		if (tree->conntrack.warn)
			buffer_printf(out, "conntrack { warn at %" PRIu32 "%% }\n", tree->conntrack.warn);
		for (size_t j = 0; j < tree->statement_count; j++)
			checks |= tree->statements[j].kind == STATEMENT_BALANCE &&
				  tree->statements[j].balance.check_every;
	}
	for (size_t i = 0; i < ruleset->policy_count && checks; i++) {
		const struct policy_tree *tree = ruleset->policies[i];
		for (size_t j = 0; j < tree->statement_count; j++)
			if (tree->statements[j].kind == STATEMENT_BALANCE)
				print_balance(&tree->statements[j], out);
	}
}
