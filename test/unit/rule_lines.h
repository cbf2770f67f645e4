/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Lines of rules and what iptables 1.8.9 made of them: each was loaded with iptables-legacy-restore (of IPv6
 * with ip6tables-legacy-restore) as the only rule of its table, and printed with iptables-legacy-save. */
#ifndef WEIR_TEST_RULE_LINES_H
#define WEIR_TEST_RULE_LINES_H

#include "extension_rules.h"

#include <errno.h>

struct rule_line {
	enum family family;
	const char *table, *chain, *rule;
	const char *printed; /* rules apart by " || "; SAME: as it stands; NULL: refused */
};
#define SAME "="

/* What is made of one line: "refused", or the rules of the chain as they are printed. The line is in `text`.
 */
static inline void rule_line_read(const struct rule_line *line, struct buffer *out)
{
	char directory[] = "/tmp/weir-lines-XXXXXX", path[64];
	struct buffer text = {0};
	struct ruleset *ruleset = NULL;

	assert_non_null(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/rules.%s", directory, line->family == FAMILY_IPV4 ? "v4" : "v6");
	buffer_printf(&text, "*%s\n:user - [0:0]\n-A %s %s\nCOMMIT\n", line->table, line->chain, line->rule);
	write_file(path, text.data);
	const char *paths[] = {path};
	struct diagnostics *sink = diagnostics_new();
	assert_non_null(sink);
	int error = rules_load(paths, 1, sink, &ruleset);
	diagnostics_free(sink);
	unlink(path);
	rmdir(directory);
	buffer_fini(&text);
	if (error) {
		assert_int_equal(error, -EINVAL);
		buffer_puts(out, "refused");
		return;
	}
	for (unsigned id = 0; id < TABLE_COUNT; id++) {
		const struct table *table = &ruleset->tables[line->family][id];
		const struct chain *chain = table_find_chain(table, text_of(line->chain));
		for (size_t i = 0; chain && i < chain->rule_count; i++) {
			buffer_puts(out, i ? " || " : "");
			rule_print(&chain->rules[i], true, out);
		}
	}
	ruleset_free(ruleset);
}

static inline void assert_lines(const struct rule_line *lines, size_t count)
{
	size_t wrong = 0;

	for (size_t i = 0; i < count; i++) {
		struct buffer got = {0};
		const char *expected = !lines[i].printed                     ? "refused"
				       : strcmp(lines[i].printed, SAME) == 0 ? lines[i].rule
									     : lines[i].printed;
		rule_line_read(&lines[i], &got);
		if (strcmp(got.data ? got.data : "", expected) != 0) {
			print_error("-A %s %s\n\tis %s\n\tnot %s\n", lines[i].chain, lines[i].rule,
				    got.data ? got.data : "", expected);
			wrong++;
		}
		buffer_fini(&got);
	}
	assert_int_equal(wrong, 0);
}

#endif
