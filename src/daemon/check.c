/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * What is wrong with this host itself - no port, no memory, a rule of its own that drops - says nothing of a
 * backend, and takes none out. */
#include "daemon/check.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND ((uint64_t)1000000000)

static bool same_listener(const struct policy_statement *a, const struct policy_statement *b)
{
	return a->balance.family == b->balance.family &&
	       a->selector.protocols[0] == b->selector.protocols[0] &&
	       a->selector.to.places[0].range.low == b->selector.to.places[0].range.low &&
	       a->selector.ports.ranges[0].low == b->selector.ports.ranges[0].low;
}

static void remember(struct check *check, const struct checks *before)
{
	for (size_t i = 0; i < before->count; i++) {
		const struct check *old = &before->list[i];
		if (old->address != check->address || old->port != check->port ||
		    !same_listener(old->statement, check->statement))
			continue;
		check->state = old->state;
		check->since = old->since;
		check->error = old->error;
		return;
	}
}

int checks_new(struct arena *arena, const struct policy_tree *tree, const struct checks *before, uint64_t now,
	       struct checks *checks)
{
	struct checks fresh = {0};
	size_t capacity = 0;

	for (size_t i = 0; i < tree->statement_count; i++) {
		const struct policy_statement *statement = &tree->statements[i];
		const struct policy_balance *balance = &statement->balance;
		if (statement->kind != STATEMENT_BALANCE || !balance->check_every)
			continue;
		for (size_t j = 0; j < balance->backend_count; j++) {
			struct check *check =
			    arena_push(arena, (void **)&fresh.list, &fresh.count, &capacity, sizeof(*check));
			if (!check)
				return -ENOMEM;
			*check = (struct check){.statement = statement,
						.number = j,
						.family = balance->family,
						.address = balance->backends[j].address,
						.port = balance->backends[j].port,
						.every = balance->check_every * SECOND,
						.timeout = balance->check_timeout * SECOND,
						.since = (int64_t)time(NULL),
						.socket = -1,
						.next = now};
			if (before)
				remember(check, before);
		}
	}
	*checks = fresh;
	return 0;
}

static void hang_up(struct check *check)
{
	if (check->socket >= 0)
		close(check->socket);
	check->socket = -1;
}

void checks_fini(struct checks *checks)
{
	for (size_t i = 0; i < checks->count; i++)
		hang_up(&checks->list[i]);
	*checks = (struct checks){0};
}

size_t checks_fds(struct checks *checks, struct pollfd *fds)
{
	size_t count = 0;

	for (size_t i = 0; i < checks->count; i++)
		if (checks->list[i].socket >= 0) {
			checks->list[i].slot = count;
			fds[count++] = (struct pollfd){.fd = checks->list[i].socket, .events = POLLOUT};
		}
	return count;
}

uint64_t checks_next(const struct checks *checks)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < checks->count; i++)
		if (checks->list[i].next < next)
			next = checks->list[i].next;
	return next;
}

/* Reset when it is closed: no port is kept waiting for what the backend may still send. */
static int dial(struct check *check)
{
	struct linger linger = {.l_onoff = 1};
	struct sockaddr_storage storage = {0};
	socklen_t size;

	if (check->family == FAMILY_IPV4) {
		struct sockaddr_in *to = (struct sockaddr_in *)&storage;
		*to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(check->port)};
		address_to_bytes(FAMILY_IPV4, check->address, (uint8_t *)&to->sin_addr);
		size = sizeof(*to);
	} else {
		struct sockaddr_in6 *to = (struct sockaddr_in6 *)&storage;
		*to = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(check->port)};
		address_to_bytes(FAMILY_IPV6, check->address, (uint8_t *)&to->sin6_addr);
		size = sizeof(*to);
	}
	check->socket = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (check->socket < 0)
		return -errno;
	setsockopt(check->socket, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	return connect(check->socket, (const struct sockaddr *)&storage, size) < 0 ? -errno : 0;
}

static bool is_own_fault(int error)
{
	static const int own[] = {-EPERM,  -EACCES, -EADDRNOTAVAIL, -EADDRINUSE,   -EMFILE,
				  -ENFILE, -ENOMEM, -ENOBUFS,       -EAFNOSUPPORT, -EAGAIN};

	for (size_t i = 0; i < sizeof(own) / sizeof(*own); i++)
		if (error == own[i])
			return true;
	return false;
}

static bool set_state(struct check *check, enum check_state state, int error)
{
	bool changed = check->state != state;

	if (changed)
		check->since = (int64_t)time(NULL);
	check->state = state;
	check->error = error;
	return changed;
}

/* One is over, with what it came to. Whether the state is another. */
static bool conclude(struct check *check, int error, uint64_t begun, uint64_t now)
{
	hang_up(check);
	check->next = begun + check->every > now ? begun + check->every : now;
	if (is_own_fault(error)) {
		check->failures = 0;
		if (check->state != CHECK_UNKNOWN)
			return false;
		return set_state(check, CHECK_UP, error);
	}
	if (!error) {
		check->failures = 0;
		return set_state(check, CHECK_UP, 0);
	}
	if (check->state == CHECK_DOWN) {
		check->error = error;
		return false;
	}
	if (++check->failures < CHECK_FAILURES) {
		check->next = now + CHECK_AGAIN;
		return false;
	}
	return set_state(check, CHECK_DOWN, error);
}

static bool is_ready(const struct check *check, const struct pollfd *fds, size_t count)
{
	return check->slot < count && fds[check->slot].fd == check->socket && fds[check->slot].revents;
}

static bool run_one(struct check *check, const struct pollfd *fds, size_t count, uint64_t now)
{
	socklen_t size = sizeof(int);
	int error;

	if (check->socket < 0) {
		if (now < check->next)
			return false;
		error = dial(check);
		if (error == -EINPROGRESS) {
			check->next = now + check->timeout;
			return false;
		}
		return conclude(check, error, now, now);
	}
	uint64_t begun = check->next - check->timeout;
	if (is_ready(check, fds, count)) {
		error = 0;
		if (getsockopt(check->socket, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
			error = errno;
		return conclude(check, -error, begun, now);
	}
	return now >= check->next && conclude(check, -ETIMEDOUT, begun, now);
}

void checks_run(struct checks *checks, const struct pollfd *fds, size_t count, uint64_t now,
		void (*changed)(void *context, const struct check *check), void *context)
{
	for (size_t i = 0; i < checks->count; i++)
		if (run_one(&checks->list[i], fds, count, now))
			changed(context, &checks->list[i]);
}

bool checks_known(const struct checks *checks)
{
	for (size_t i = 0; i < checks->count; i++)
		if (checks->list[i].state == CHECK_UNKNOWN)
			return false;
	return true;
}

const struct check *checks_find(const struct checks *checks, const struct policy_statement *statement,
				size_t number)
{
	for (size_t i = 0; i < checks->count; i++)
		if (checks->list[i].statement == statement && checks->list[i].number == number)
			return &checks->list[i];
	return NULL;
}
