/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Lines of rules and what iptables 1.8.9 made of them: each was loaded with iptables-legacy-restore (of IPv6
 * with ip6tables-legacy-restore) as the only rule of its table, and printed with iptables-legacy-save. */
#ifndef WEIR_TEST_RULE_LINES_H
#define WEIR_TEST_RULE_LINES_H

#include "extension_rules.h"
#include "ruleset/rule_parser.h"

struct rule_line {
	enum family family;
	const char *table, *chain, *rule;
	const char *printed; /* rules apart by " || "; SAME: as it stands; NULL or REFUSED(): refused */
};
#define SAME "="
#define REFUSED(code) "error[" code "]" /* with that diagnostic */

/* What is made of one line: the diagnostics, or the rules of the chain as they are printed. false: refused.
 */
static inline bool rule_line_read(const struct rule_line *line, const char *sets, struct buffer *out)
{
	struct loaded loaded = load_chain(line->family, line->table, line->chain, sets, line->rule);
	bool taken = loaded.ruleset;

	for (size_t i = 0; loaded.chain && i < loaded.chain->rule_count; i++) {
		const struct rule *rule = &loaded.chain->rules[i];
		buffer_puts(out, i ? " || " : "");
		rule_print(rule, true, out);
		/* What is not modelled is printed as it stands, which proves nothing. */
		for (uint32_t j = 0; j < rule->match_count; j++)
			assert_ptr_not_equal(rule->matches[j].type, &match_opaque);
		assert_ptr_not_equal(rule->target.type, &target_opaque);
	}
	if (!taken)
		buffer_add(out, loaded.messages.data, loaded.messages.size);
	loaded_free(&loaded);
	return taken;
}

static inline bool rule_line_agrees(const struct rule_line *line, bool taken, const char *got)
{
	const char *printed = line->printed;

	if (!printed || strncmp(printed, "error[", strlen("error[")) == 0)
		return !taken && strstr(got, printed ? printed : "error[");
	return taken && strcmp(got, strcmp(printed, SAME) == 0 ? line->rule : printed) == 0;
}

/* `sets`: as ipset save prints them; "" without. */
static inline void assert_lines(const struct rule_line *lines, size_t count, const char *sets)
{
	size_t wrong = 0;

	assert_true(count > 0);
	for (size_t i = 0; i < count; i++) {
		struct buffer got = {0};
		bool taken = rule_line_read(&lines[i], sets, &got);
		if (!rule_line_agrees(&lines[i], taken, got.data ? got.data : "")) {
			print_error("-A %s %s\n\tis %s\n\tnot %s\n", lines[i].chain, lines[i].rule,
				    got.data ? got.data : "",
				    lines[i].printed ? lines[i].printed : "refused");
			wrong++;
		}
		buffer_fini(&got);
	}
	assert_int_equal(wrong, 0);
}
#define ASSERT_LINES(lines, sets) assert_lines(lines, sizeof(lines) / sizeof(*(lines)), sets)

#endif
