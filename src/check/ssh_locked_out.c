/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * No rule lets a new connection to the SSH port in. The probe says nothing of its addresses, so the engine
 * tries every rule that might accept any; other ports that look like SSH's are looked at, too, and what a
 * program decides (NFQUEUE) is left alone. */
#include "check/findings.h"

#include <netinet/in.h>

#define SSH_PORT 22
/* Where sshd is put by those who move it. */
static const uint16_t other_ports[] = {222, 2022, 2222, 10022, 22022, 22222, 60022};

/* Whether some first segment of TCP may come in: to that port, or to any (0). */
static int is_open(struct check *check, enum family family, uint16_t port, bool *open)
{
	const struct interfaces *interfaces = check_interfaces(check, family);
	if (!interfaces)
		return -ENOMEM;
	*open = false;
	for (size_t i = 0; i < interfaces->count && !*open; i++) {
		struct packet packet = probe_packet(family, interfaces->names[i]);
		struct probe probe = {0};
		probe_protocol(&packet, IPPROTO_TCP);
		probe_state(&packet, STATE_NEW);
		if (port)
			probe_destination_port(&packet, port);
		int error = probe_arrival(check, &packet, PATH_INPUT, &probe);
		if (error)
			return error;
		*open = !probe_closed(&probe);
	}
	return 0;
}

static int looks_at_ssh(struct check *check, enum family family, bool *open)
{
	int error = is_open(check, family, SSH_PORT, open);
	for (size_t i = 0; i < sizeof(other_ports) / sizeof(other_ports[0]) && !error && !*open; i++)
		error = is_open(check, family, other_ports[i], open);
	return error;
}

static int run(struct check *check)
{
	const struct chain *closed = NULL;
	bool others = false;
	for (int family = 0; family < FAMILY_COUNT; family++) {
		const struct chain *input = check_hook(check, (enum family)family, TABLE_FILTER, HOOK_INPUT);
		bool open, other = false;
		if (!input || !check->ruleset->has_family[family])
			continue;
		int error = looks_at_ssh(check, (enum family)family, &open);
		if (!error && !open)
			error = is_open(check, (enum family)family, 0, &other);
		if (error)
			return error;
		if (open)
			return 0;
		others |= other;
		if (!closed)
			closed = input;
	}
	if (!closed)
		return 0;
	struct found *found =
	    check_add(check, closed->span,
		      others ? "no rule accepts a new connection to TCP port 22 from anywhere, while other "
			       "ports are open"
			     : "no rule accepts a new TCP connection from anywhere, to port 22 or any other");
	if (!others) /* a desktop, an appliance with a console */
		found_severity(check, found, SEVERITY_NOTE);
	return 0;
}

const struct finding_type finding_ssh_locked_out = {
    .code = "ssh-locked-out",
    .severity = SEVERITY_WARNING,
    .title = "no rule lets SSH in",
    .why =
	"Loaded on a host that is reached by SSH, these rules keep the sessions that are open, if "
	"established "
	"connections are accepted, and let no other in: the mistake shows when the last session has ended.",
    .action = "Accept the port of sshd from where you administer the host: -A INPUT -s ADDRESS -p tcp "
	      "--dport 22 -j "
	      "ACCEPT, in front of what drops. Where sshd listens on another port or there is a console, "
	      "ignore this.",
    .run = run,
};
