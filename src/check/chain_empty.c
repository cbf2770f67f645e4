/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Jumps to chains without rules. A note: frameworks leave such chains for the user to fill. */
#include "check/findings.h"

static bool leads_nowhere(const struct rule *rule)
{
	const struct chain *chain = rule->target.chain;
	return chain && !chain->builtin && chain->rule_count == 0 && rule->chain->reached;
}

/* The first rule that jumps to each empty chain. */
struct empties {
	size_t count, chains;
	const struct rule *first[FOUND_LABELS_MAX + 1];
};

static void note_jump(struct empties *empties, const struct rule *rule)
{
	size_t kept = empties->chains < FOUND_LABELS_MAX + 1 ? empties->chains : FOUND_LABELS_MAX + 1;
	empties->count++;
	for (size_t i = 0; i < kept; i++)
		if (empties->first[i]->target.chain == rule->target.chain)
			return;
	if (kept < FOUND_LABELS_MAX + 1)
		empties->first[kept] = rule;
	empties->chains = kept + 1;
}

static int run_table(struct check *check, const struct table *table)
{
	struct empties empties = {0};
	struct buffer others = {0};
	for (size_t i = 0; i < table->chain_count; i++)
		for (size_t j = 0; j < table->chains[i]->rule_count; j++)
			if (leads_nowhere(&table->chains[i]->rules[j]))
				note_jump(&empties, &table->chains[i]->rules[j]);
	if (!empties.count)
		return 0;
	const struct rule *first = empties.first[0];
	if (empties.count > 1)
		buffer_printf(
		    &others, "; %zu other rule%s of this table jump%s to it or to other empty chains",
		    empties.count - 1, empties.count == 2 ? "" : "s", empties.count == 2 ? "s" : "");
	struct found *found = check_add(
	    check, first->span, "the chain %.*s that this rule jumps to is empty%s",
	    (int)first->target.chain->name.size, first->target.chain->name.data, check_text(check, &others));
	for (size_t i = 1; i < empties.chains && i <= FOUND_LABELS_MAX; i++)
		found_label(check, found, empties.first[i]->span, "%.*s is empty, too",
			    (int)empties.first[i]->target.chain->name.size,
			    empties.first[i]->target.chain->name.data);
	return 0;
}

static int run(struct check *check)
{
	return check_tables(check, run_table);
}

const struct finding_type finding_chain_empty = {
    .code = "chain-empty",
    .severity = SEVERITY_NOTE,
    .title = "a jump to a chain without rules",
    .why = "The packet comes back at once: the rule costs its evaluation and does nothing. Where the chain "
	   "should "
	   "have been filled by another program, that program is not running.",
    .action =
	"Fill the chain, or delete the jump. What a tool such as ufw or Docker leaves to be filled may stay.",
    .run = run,
};
