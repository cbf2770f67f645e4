/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Rules of -m statistic that look as if they shared evenly, and do not: each is asked only about what those
 * before it have left. Shares that were meant to be uneven do not repeat a value; so only lists in which two
 * neighbours have the same one are looked at. */
#include "check/findings.h"

#include <string.h>

#define UNEVEN 0.01 /* between the largest and the smallest share: less is rounding */
#define SHARES_MAX 64

struct balance {
	size_t count; /* rules with a share */
	bool rest;    /* the rule behind them takes what is left */
	bool repeats; /* two neighbours take the same share of what they are asked about */
	double shares[SHARES_MAX + 1];
	struct statistic_share statistics[SHARES_MAX];
	const char *condition; /* what all of them ask besides */
};

/* The rule without its share: target's type and the other conditions. Empty string: no memory. */
static const char *other_conditions(struct check *check, const struct rule *rule,
				    struct statistic_share *share, bool *shared)
{
	struct rule rest = *rule;
	struct match kept[16];
	rest.matches = kept;
	rest.match_count = 0;
	*shared = false;
	for (uint32_t i = 0; i < rule->match_count; i++) {
		if (!*shared && match_statistic_share(&rule->matches[i], share)) {
			*shared = true;
			continue;
		}
		if (rest.match_count < sizeof(kept) / sizeof(kept[0]) && !match_is_comment(&rule->matches[i]))
			kept[rest.match_count++] = rule->matches[i];
	}
	return rule_condition_text(check, &rest);
}

/* The packet is this rule's: those behind it do not see it. */
static bool takes(const struct rule *rule)
{
	enum target_kind kind = rule->target.type->kind;
	return kind_is_terminal(kind) || rule->target.type->nat || kind == TARGET_QUEUE ||
	       (kind == TARGET_JUMP && rule->target.is_goto);
}

static bool same_target(const struct rule *a, const struct rule *b)
{
	return a->target.type == b->target.type && (a->target.chain != NULL) == (b->target.chain != NULL);
}

static size_t read_balance(struct check *check, const struct rule *rules, size_t limit,
			   struct balance *balance)
{
	double left = 1, before = -1;
	*balance = (struct balance){0};
	while (balance->count < limit && balance->count < SHARES_MAX && takes(&rules[balance->count]) &&
	       same_target(rules, &rules[balance->count])) {
		struct statistic_share *share = &balance->statistics[balance->count];
		bool shared;
		const char *condition = other_conditions(check, &rules[balance->count], share, &shared);
		if (balance->count && strcmp(condition, balance->condition) != 0)
			break;
		if (!shared) {
			balance->rest = balance->count > 0;
			break;
		}
		double taken = share->inverted ? 1 - share->probability : share->probability;
		if (taken - before < 1e-9 && before - taken < 1e-9)
			balance->repeats = true;
		before = taken;
		balance->condition = condition;
		balance->shares[balance->count++] = left * taken;
		left *= 1 - taken;
	}
	balance->shares[balance->count] = left;
	return balance->count ? balance->count + balance->rest : 1;
}

static bool is_uneven(const struct balance *balance)
{
	double least = 1, most = 0;
	for (size_t i = 0; i < balance->count + balance->rest; i++) {
		least = balance->shares[i] < least ? balance->shares[i] : least;
		most = balance->shares[i] > most ? balance->shares[i] : most;
	}
	return most - least > UNEVEN;
}

static void report(struct check *check, const struct rule *rules, const struct balance *balance)
{
	size_t all = balance->count + balance->rest;
	struct buffer shares = {0}, values = {0};
	bool nth = balance->statistics[0].every != 0;
	for (size_t i = 0; i < all; i++)
		buffer_printf(&shares, "%s%.1f %%",
			      i == 0         ? ""
			      : i + 1 == all ? " and "
					     : ", ",
			      balance->shares[i] * 100);
	if (!balance->rest)
		buffer_printf(&shares, ", and %.1f %% go past all of them",
			      balance->shares[balance->count] * 100);
	for (size_t i = 0; i + 1 < all; i++) {
		buffer_puts(&values, i == 0 ? "" : ", ");
		if (nth)
			buffer_printf(&values, "--every %zu", all - i);
		else
			buffer_printf(&values, "%.5f", 1.0 / (double)(all - i));
	}
	struct found *found =
	    check_add(check, rules->span, "these %zu rules do not share evenly: they take %s", all,
		      check_text(check, &shares));
	for (size_t i = 1; i < all; i++)
		found_label(check, found, rules[i].span, "takes %.1f %%", balance->shares[i] * 100);
	found_hint(check, found, "For even shares: %s%s, and the last rule without -m statistic.",
		   nth ? "" : "--probability ", check_text(check, &values));
}

static int run_chain(struct check *check, const struct chain *chain)
{
	for (size_t i = 0; i < chain->rule_count;) {
		struct balance balance;
		const struct rule *rules = &chain->rules[i];
		size_t count = read_balance(check, rules, chain->rule_count - i, &balance);
		if (balance.count > 1 && balance.repeats && is_uneven(&balance))
			report(check, rules, &balance);
		i += count;
	}
	return 0;
}

static int run(struct check *check)
{
	return check_chains(check, run_chain);
}

const struct finding_type finding_balance_skew = {
    .code = "balance-skew",
    .severity = SEVERITY_WARNING,
    .title = "shares of -m statistic that are not what they look like",
    .why = "Each rule sees only what those before it have left: every second of the rest is a half, a "
	   "quarter, an eighth. "
	   "The first back end gets most of the load and is the first to fall.",
    .action = "Of n rules, the first takes every n-th, the next every (n-1)-th, and so on; the last one "
	      "takes the rest, "
	      "without -m statistic.",
    .run = run,
};
