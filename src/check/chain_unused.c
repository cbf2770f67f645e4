/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * User chains with rules that no built-in chain leads to. A note: frameworks make chains before they need
 * them. */
#include "check/findings.h"

static bool is_unused(const struct chain *chain)
{
	return !chain->builtin && !chain->reached && chain->rule_count;
}

static int run_table(struct check *check, const struct table *table)
{
	size_t count = 0, rules = 0;
	const struct chain *first = NULL;
	for (size_t i = 0; i < table->chain_count; i++) {
		if (!is_unused(table->chains[i]))
			continue;
		if (count++ == 0)
			first = table->chains[i];
		rules += table->chains[i]->rule_count;
	}
	if (!first)
		return 0;
	struct buffer others = {0};
	if (count > 1)
		buffer_printf(&others, " and %zu other%s of this table", count - 1, count == 2 ? "" : "s");
	struct found *found = check_add(
	    check, first->span, "nothing leads to chain %.*s%s: %zu rule%s no packet", (int)first->name.size,
	    first->name.data, check_text(check, &others), rules, rules == 1 ? " sees" : "s see");
	for (size_t i = 0; i < table->chain_count; i++) {
		const struct chain *chain = table->chains[i];
		if (is_unused(chain) && chain != first)
			found_label(check, found, chain->span, "nor to %.*s, %zu rule%s",
				    (int)chain->name.size, chain->name.data, chain->rule_count,
				    chain->rule_count == 1 ? "" : "s");
	}
	return 0;
}

static int run(struct check *check)
{
	return check_tables(check, run_table);
}

const struct finding_type finding_chain_unused = {
    .code = "chain-unused",
    .severity = SEVERITY_NOTE,
    .title = "a chain that nothing leads to",
    .why = "Rules in a chain that no packet comes to do nothing, though they look as if they did: a ban or a "
	   "limit "
	   "that somebody relies on may be among them.",
    .action =
	"Jump to it from where its rules should act, or delete it (iptables -X). Chains that a tool such as "
	"ufw or Docker keeps in store may stay.",
    .run = run,
};
