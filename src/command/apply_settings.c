/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The kernel's settings that a policy asks for: its conntrack statement, as sysctls. */
#include "command/applied.h"
#include "command/command.h"
#include "read/policy/policy.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

static int add(struct arena *arena, struct sysctls *settings, const char *name, uint64_t value)
{
	struct sysctl *sysctl = arena_push(arena, (void **)&settings->list, &settings->count,
					   &settings->capacity, sizeof(*sysctl));

	if (!sysctl)
		return -ENOMEM;
	sysctl->name = arena_printf(arena, "net.netfilter.%s", name);
	sysctl->value = arena_printf(arena, "%" PRIu64, value);
	return sysctl->name && sysctl->value ? 0 : -ENOMEM;
}

static int add_conntrack(struct arena *arena, const struct policy_conntrack *conntrack,
			 struct sysctls *settings)
{
	const struct {
		const char *name;
		bool said;
		uint64_t value;
	} all[] = {
	    {"nf_conntrack_buckets", conntrack->buckets, conntrack->buckets},
	    {"nf_conntrack_max", conntrack->max, conntrack->max}, /* behind: buckets set it, too */
	    {"nf_conntrack_tcp_be_liberal", conntrack->tcp_be_liberal,
	     conntrack->tcp_be_liberal == SWITCH_ON},
	    {"nf_conntrack_tcp_loose", conntrack->tcp_loose, conntrack->tcp_loose == SWITCH_ON},
	};
	int error = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(*all) && !error; i++)
		if (all[i].said)
			error = add(arena, settings, all[i].name, all[i].value);
	for (size_t i = 0; i < conntrack->timeout_count && !error; i++)
		error = add(arena, settings, conntrack->timeouts[i].sysctl, conntrack->timeouts[i].seconds);
	return error;
}

static bool is_policy(const struct source *source)
{
	size_t size = strlen(source->name);

	return (size > 5 && strcmp(source->name + size - 5, ".weir") == 0) || policy_recognise(source);
}

int apply_settings(struct arena *arena, const char *const *paths, size_t count, struct sysctls *settings)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	int error = sink ? 0 : -ENOMEM;

	for (size_t i = 0; i < count && !error; i++) {
		struct policy_tree *tree = NULL;
		struct source *source;
		struct stat status;

		/* The rules were read already: what cannot be read again here has said so. */
		if (stat(paths[i], &status) < 0 || !S_ISREG(status.st_mode))
			continue;
		error = source_read(arena, paths[i], &source);
		if (error || !is_policy(source))
			continue;
		error = policy_read(arena, sink, source, NULL, &tree);
		if (!error)
			error = add_conntrack(arena, &tree->conntrack, settings);
	}
	return error;
}
