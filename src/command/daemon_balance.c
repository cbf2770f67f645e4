/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * Backends that do not answer get no new connections. What was applied says which backends there are; the
 * rules without those that are down are made, tried and proven as weir apply does it, and put in the place of
 * the state's (kernel/state_overlay.h). */
#include "command/applied.h"
#include "command/command.h"
#include "command/daemon.h"
#include "command/prove.h"
#include "daemon/conntrack.h"
#include "kernel/nft_stage.h"
#include "kernel/state_overlay.h"
#include "nftables/nft.h"
#include "read/load.h"
#include "read/policy/render.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

void daemon_print_place(enum family family, address place, uint16_t port, struct buffer *out)
{
	address_print(family, place, out);
	buffer_printf(out, " port %u", port);
}

/* --- What is in force ---------------------------------------------------------------------------- */

void daemon_unload(struct daemon *daemon)
{
	checks_fini(&daemon->checks);
	nft_image_free(daemon->base);
	nft_image_free(daemon->target);
	if (daemon->arena)
		arena_free(daemon->arena);
	daemon->arena = NULL;
	daemon->tree = NULL;
	daemon->base = daemon->target = NULL;
}

static int read_watch(struct daemon *fresh, struct buffer *why)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	struct nft_image *live __attribute__((cleanup(nft_image_cleanup))) = NULL;
	size_t said = why->size;
	struct text text = {0};
	int error =
	    sink ? state_read(&fresh->store, fresh->arena, fresh->number, STATE_WATCH, &text, why) : -ENOMEM;

	if (error == -ENOENT) { /* the state has nothing to look after */
		why->size = said;
		return 0;
	}
	struct source *source = error ? NULL : source_new(fresh->arena, STATE_WATCH, text.data, text.size);
	if (!error)
		error = source ? policy_read(fresh->arena, sink, source, NULL, &fresh->tree) : -ENOMEM;
	if (error == -EINVAL)
		diagnostics_print(sink, why);
	if (!error)
		error = state_overlay_base(&fresh->store, fresh->number, &fresh->base, why);
	if (!error && nft_part_empty(fresh->base)) {
		nft_image_free(fresh->base);
		fresh->base = NULL;
	}
	if (!error && fresh->base)
		error = nft_part_read(STATE_OVERLAY_WORD, &live, why);
	if (error == -EBADMSG && fresh->base) { /* others' rules: to be told when they are in the way */
		why->size = said;
		error = 0;
	}
	fresh->settled = live && nft_part_same(live, fresh->base);
	return error;
}

int daemon_load(struct daemon *daemon, uint32_t number, uint64_t now, struct buffer *why)
{
	struct daemon fresh = {.store = daemon->store, .number = number, .arena = arena_new()};
	int error = fresh.arena ? 0 : -ENOMEM;

	if (!error && number)
		error = read_watch(&fresh, why);
	if (!error && fresh.tree && fresh.base)
		error = checks_new(fresh.arena, fresh.tree, &daemon->checks, now, &fresh.checks);
	if (error) {
		daemon_unload(&fresh);
		return error;
	}
	daemon_unload(daemon);
	daemon->number = number;
	daemon->arena = fresh.arena;
	daemon->tree = fresh.tree;
	daemon->base = fresh.base;
	daemon->settled = fresh.settled;
	daemon->checks = fresh.checks;
	daemon->changed = true;
	return 0;
}

/* --- What the checks find ------------------------------------------------------------------------ */

/* Whether some backend of its listener is not down, or not checked. */
static bool some_are_up(const struct daemon *daemon, const struct policy_statement *statement)
{
	for (size_t i = 0; i < daemon->checks.count; i++)
		if (daemon->checks.list[i].statement == statement &&
		    daemon->checks.list[i].state != CHECK_DOWN)
			return true;
	return false;
}

bool daemon_is_out(const struct daemon *daemon, const struct check *check)
{
	return check->state == CHECK_DOWN && some_are_up(daemon, check->statement);
}

void daemon_checked(void *context, const struct check *check)
{
	const struct policy_selector *selector = &check->statement->selector;
	struct daemon *daemon = context;
	struct buffer listener = {0}, backend = {0};

	daemon_print_place(check->family, selector->to.places[0].range.low, selector->ports.ranges[0].low,
			   &listener);
	daemon_print_place(check->family, check->address, check->port, &backend);
	const char *of = listener.data ? listener.data : "", *which = backend.data ? backend.data : "";
	if (check->state == CHECK_UP && check->error)
		daemon_log(daemon, LOG_WARNING, "%s: backend %s cannot be checked from here: %s", of, which,
			   strerror(-check->error));
	else if (check->state == CHECK_UP)
		daemon_log(daemon, LOG_NOTICE, "%s: backend %s answers", of, which);
	else if (some_are_up(daemon, check->statement))
		daemon_log(daemon, LOG_WARNING, "%s: backend %s is down: %s", of, which,
			   strerror(-check->error));
	else
		daemon_log(daemon, LOG_ERR, "%s: backend %s is down: %s; so are all others, and all stay in",
			   of, which, strerror(-check->error));
	buffer_fini(&listener);
	buffer_fini(&backend);
	nft_image_free(daemon->target);
	daemon->target = NULL;
	daemon->changed = true;
}

/* --- The rules that follow ----------------------------------------------------------------------- */

static bool is_down(void *context, const struct policy_statement *statement, size_t backend)
{
	const struct daemon *daemon = context;
	const struct check *check = checks_find(&daemon->checks, statement, backend);

	return check && check->state == CHECK_DOWN;
}

static bool any_out(const struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->checks.count; i++)
		if (daemon_is_out(daemon, &daemon->checks.list[i]))
			return true;
	return false;
}

static int print_script(const struct daemon *daemon, struct diagnostics *sink, struct ruleset **ruleset,
			struct buffer *script)
{
	static const struct nft_options counted = {.counters = true};
	const struct policy_render_options options = {.backend_down = is_down, .context = (void *)daemon};
	struct arena *arena __attribute__((cleanup(arena_cleanup))) = arena_new();
	struct policy_rendering *rendering;
	struct rules_text texts[FAMILY_COUNT];
	size_t count = 0;
	int error = arena ? policy_render(arena, daemon->tree, &options, sink, &rendering) : -ENOMEM;

	for (int family = 0; family < FAMILY_COUNT && !error; family++) {
		const struct source *source = rendering->rules[family].source;
		if (source)
			texts[count++] =
			    (struct rules_text){family == FAMILY_IPV4 ? "backends.v4" : "backends.v6",
						{source->data, source->size}};
	}
	if (!error)
		error = rules_load_texts(texts, count, sink, ruleset);
	return error ? error : nft_print_with(*ruleset, &counted, script, sink);
}

static int make_target(struct daemon *daemon, struct buffer *why)
{
	struct diagnostics *sink __attribute__((cleanup(diagnostics_cleanup))) = diagnostics_new();
	struct ruleset *ruleset __attribute__((cleanup(ruleset_cleanup))) = NULL;
	struct nft_image *image __attribute__((cleanup(nft_image_cleanup))) = NULL;
	struct buffer script = {0};
	int error = sink ? print_script(daemon, sink, &ruleset, &script) : -ENOMEM;

	if (error == -EINVAL)
		diagnostics_print(sink, why);
	struct text text = {script.data, script.size};
	if (!error)
		error = nft_stage(text, &image, why);
	if (!error && rules_prove("daemon", ruleset, text)) {
		buffer_puts(why, "the rules without the backends that are down were not proven");
		error = -EILSEQ;
	}
	if (!error)
		error = nft_part_take(image, STATE_OVERLAY_WORD, &daemon->target);
	buffer_fini(&script);
	return error;
}

int daemon_put(struct daemon *daemon, bool all, struct buffer *why)
{
	bool fresh = !daemon->target;
	int error = 0;

	if (!daemon->base)
		return 0;
	/* What one before has taken out stays out until it is known to answer. */
	daemon->settled |= checks_known(&daemon->checks);
	if (!all && !daemon->settled)
		return 0;
	if (all || !any_out(daemon))
		return state_overlay_put(&daemon->store, daemon->number, daemon->base, daemon->base, why);
	if (fresh)
		error = make_target(daemon, why);
	if (!error)
		error = state_overlay_put(&daemon->store, daemon->number, daemon->base, daemon->target, why);
	daemon->forget |= !error && fresh;
	return error;
}

/* By a process of its own, as there may be many connections. */
void daemon_forget_connections(struct daemon *daemon)
{
	if (!daemon->forget)
		return;
	daemon->forget = false;
	if (fork() != 0)
		return;
	close(daemon->lock);
	for (size_t i = 0; i < daemon->checks.count; i++) {
		const struct check *check = &daemon->checks.list[i];
		size_t forgotten;
		if (!daemon_is_out(daemon, check))
			continue;
		int error = conntrack_forget(check->family, check->statement->selector.protocols[0],
					     check->address, check->port, &forgotten);
		if (error)
			daemon_log(daemon, LOG_WARNING, "connections to a backend that is down stay: %s",
				   strerror(-error));
	}
	_exit(0);
}
