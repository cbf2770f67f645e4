/* SPDX-License-Identifier: GPL-2.0-or-later
 *
 * The sender stays on one CPU, where the veth pair hands each frame to the receive path in order: a sentinel
 * that was counted says that all before it were. */
#include "testbed.h"

#include "fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_acct.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int packet_socket = -1;
static int peer_index;

static int run(const char *const argv[], const struct buffer *input, struct buffer *output, bool errors)
{
	char path[32];
	int in = -1, out[2] = {-1, -1}, status = 0;
	pid_t child;

	if (input && input->size) {
		in = text_file(input, path);
		if (in < 0)
			return -ENOMEM;
		lseek(in, 0, SEEK_SET);
	}
	if (pipe2(out, O_CLOEXEC)) {
		if (in >= 0)
			close(in);
		return -errno;
	}
	fflush(stdout);
	child = fork();
	if (child == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(in >= 0 ? in : null, 0);
		dup2(out[1], 1);
		dup2(errors ? out[1] : null, 2);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	close(out[1]);
	if (in >= 0)
		close(in);
	if (child > 0) {
		char chunk[4096];
		ssize_t size;

		while ((size = read(out[0], chunk, sizeof(chunk))) > 0)
			if (output)
				buffer_add(output, chunk, (size_t)size);
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
	}
	close(out[0]);
	if (child < 0)
		return -EAGAIN;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

int testbed_run(const char *const argv[], const struct buffer *input, struct buffer *output)
{
	return run(argv, input, output, true);
}

static int set_kernel(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY), result = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		result = -errno;
	close(fd);
	return result;
}

int testbed_forwarding(bool on)
{
	static const char *const paths[] = {
	    "/proc/sys/net/ipv4/ip_forward",
	    "/proc/sys/net/ipv6/conf/all/forwarding",
	};
	int error = 0;

	for (size_t i = 0; i < 2 && !error; i++)
		error = set_kernel(paths[i], on ? "1" : "0");
	return error;
}

static int ask_netfilter(const struct nlmsghdr *request)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char request[64]; /* comes back where there is an error */
	} answer = {0};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER), error = 0;

	if (fd < 0)
		return -errno;
	if (send(fd, request, request->nlmsg_len, 0) < 0 || recv(fd, &answer, sizeof(answer), 0) < 0)
		error = -errno;
	close(fd);
	return error ? error : answer.error.error;
}

/* What `conntrack -F` does: to delete without saying what. */
int testbed_forget(void)
{
	struct {
		struct nlmsghdr header;
		struct nfgenmsg family;
	} request = {{sizeof(request), NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_DELETE,
		      NLM_F_REQUEST | NLM_F_ACK, 1, 0},
		     {AF_UNSPEC, NFNETLINK_V0, 0}};

	return ask_netfilter(&request.header);
}

/* What `nfacct add weir-parity` does; it counts without a quota. */
static int make_account(void)
{
	struct {
		struct nlmsghdr header;
		struct nfgenmsg family;
		struct nlattr attribute;
		char name[12];
	} request = {{sizeof(request), NFNL_SUBSYS_ACCT << 8 | NFNL_MSG_ACCT_NEW,
		      NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE, 1, 0},
		     {AF_UNSPEC, NFNETLINK_V0, 0},
		     {NLA_HDRLEN + sizeof(request.name), NFACCT_NAME},
		     "weir-parity"};

	return ask_netfilter(&request.header);
}

/* Generic receive offload would make one packet of several. */
static int switch_gro_off(const char *name)
{
	struct ethtool_value value = {.cmd = ETHTOOL_SGRO};
	struct ifreq request = {0};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), error = 0;

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	request.ifr_data = (void *)&value;
	if (ioctl(fd, SIOCETHTOOL, &request))
		error = -errno;
	close(fd);
	return error;
}

static int make_devices(struct buffer *why)
{
	static const char batch[] =
	    "link set lo up\n"
	    "link add " TEST_INTERFACE " type veth peer name par1\n"
	    /* No neighbours are asked for: that would be noise in OUTPUT. */
	    "link set " TEST_INTERFACE " address 02:57:45:49:52:01 addrgenmode none arp off\n"
	    "link set par1 address 02:57:45:49:52:02 addrgenmode none\n"
	    /* Its other end stays down: what is sent on goes nowhere. */
	    "link add pard type veth peer name pare\n"
	    "link set pard addrgenmode none arp off\n"
	    "link set " TEST_INTERFACE " up\n"
	    "link set par1 up\n"
	    "link set pard up\n"
	    "addr add " HOST_IPV4 "/25 dev " TEST_INTERFACE "\n"
	    "addr add " HOST_IPV6 "/64 dev " TEST_INTERFACE " nodad\n"
	    "route add 192.0.2.128/25 dev pard\n"
	    "route add 2001:db8:2:1::/64 dev pard\n"
	    "route add 198.51.100.0/24 dev pard\n"
	    "route add 203.0.113.0/24 dev pard\n"
	    "route add 2001:db8:1::/48 dev pard\n"
	    "route add 2001:db8:9::/48 dev pard\n";
	static const char *const argv[] = {"ip", "-batch", "-", NULL};
	struct buffer input __attribute__((cleanup(buffer_fini))) = {0};

	buffer_puts(&input, batch);
	return testbed_run(argv, &input, why) ? -EIO : 0;
}

static int open_sender(void)
{
	struct sockaddr_ll place = {.sll_family = AF_PACKET};

	peer_index = (int)if_nametoindex("par1");
	place.sll_ifindex = peer_index;
	/* Protocol 0: it receives nothing, so nothing piles up. */
	packet_socket = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (packet_socket < 0 || bind(packet_socket, (struct sockaddr *)&place, sizeof(place)))
		return -errno;
	return 0;
}

int testbed_make(struct buffer *why)
{
	static const char *const zero[] = {
	    "/proc/sys/net/ipv4/conf/all/rp_filter",
	    "/proc/sys/net/ipv4/conf/" TEST_INTERFACE "/rp_filter",
	    "/proc/sys/net/ipv6/conf/" TEST_INTERFACE "/accept_ra",
	};
	const char *path = getenv("PATH");
	cpu_set_t one;
	int error;

	if (!path || !strstr(path, "/usr/sbin")) {
		struct buffer wider __attribute__((cleanup(buffer_fini))) = {0};

		buffer_printf(&wider, "%s:/usr/sbin:/sbin", path ? path : "/usr/bin:/bin");
		if (wider.data)
			setenv("PATH", wider.data, 1);
	}
	if (unshare(CLONE_NEWNET)) {
		error = -errno;
		buffer_printf(why, "no network namespace: %s", strerror(-error));
		return error;
	}
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu() < 0 ? 0 : sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	error = set_kernel("/proc/sys/net/ipv6/conf/default/disable_ipv6", "0");
	/* To forward is to join a group, which is told at once, not while the next packets are counted. */
	if (!error)
		error = set_kernel("/proc/sys/net/ipv6/conf/default/mldv2_unsolicited_report_interval", "1");
	if (!error)
		error = make_devices(why);
	if (!error)
		error = set_kernel("/proc/sys/net/ipv6/conf/par1/disable_ipv6", "1");
	for (size_t i = 0; i < 3 && !error; i++)
		error = set_kernel(zero[i], "0");
	if (!error)
		error = switch_gro_off(TEST_INTERFACE);
	make_account(); /* without it -m nfacct is not loaded, and so left out */
	if (!error)
		error = open_sender();
	if (error)
		buffer_printf(why, " (setting up the namespace: %s)", strerror(-error));
	return error;
}

static const char *program(enum family family, bool nft, bool save)
{
	static const char *const names[2][2][2] = {
	    {{"iptables-legacy-restore", "iptables-legacy-save"},
	     {"iptables-nft-restore", "iptables-nft-save"}},
	    {{"ip6tables-legacy-restore", "ip6tables-legacy-save"},
	     {"ip6tables-nft-restore", "ip6tables-nft-save"}},
	};

	return names[family][nft][save];
}

/* What was loaded since it was last taken away. */
static bool loaded[FAMILY_COUNT][2], loaded_sets, loaded_rare; /* rare: nat, security */

/* Rules go before the sets that they hold. */
void testbed_flush(void)
{
	static const char tables[] = "*raw\n:PREROUTING ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n"
				     "*mangle\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT "
				     "ACCEPT\n:POSTROUTING ACCEPT\nCOMMIT\n"
				     "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n";
	static const char rare[] = "*security\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\nCOMMIT\n"
				   "*nat\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n"
				   ":POSTROUTING ACCEPT\nCOMMIT\n";
	struct buffer input __attribute__((cleanup(buffer_fini))) = {0};
	const char *const sets[] = {"ipset", "destroy", NULL};

	for (int nft = 0; nft < 2; nft++)
		for (int family = 0; family < FAMILY_COUNT; family++) {
			const char *const argv[] = {program((enum family)family, nft, false), NULL};

			if (!loaded[family][nft])
				continue;
			loaded[family][nft] = false;
			buffer_fini(&input);
			input = (struct buffer){0};
			buffer_puts(&input, tables);
			if (loaded_rare)
				buffer_puts(&input, rare);
			testbed_run(argv, &input, NULL);
		}
	if (loaded_sets)
		testbed_run(sets, NULL, NULL);
	loaded_sets = loaded_rare = false;
}

int testbed_load(const struct drawn_rules *text, enum family family, bool nft, struct buffer *why)
{
	const char *const sets[] = {"ipset", "restore", NULL};
	const char *const argv[] = {program(family, nft, false), "-c", NULL};
	int error = 0;

	loaded[family][nft] = true;
	loaded_sets |= text->sets.size != 0;
	loaded_rare |= text->tables.data &&
		       (strstr(text->tables.data, "*nat\n") || strstr(text->tables.data, "*security\n"));
	if (text->sets.size)
		error = testbed_run(sets, &text->sets, why);
	return error ? error : testbed_run(argv, &text->tables, why);
}

int testbed_save(enum family family, bool nft, struct buffer *saved)
{
	const char *const argv[] = {program(family, nft, true), "-c", NULL};

	buffer_fini(saved);
	*saved = (struct buffer){0};
	return run(argv, NULL, saved, false);
}

static int send_one(const struct frame *frame)
{
	for (int attempt = 0; attempt < 1000; attempt++) {
		ssize_t size = send(packet_socket, frame->data, frame->size, 0);

		if (size == (ssize_t)frame->size)
			return 0;
		if (errno != ENOBUFS && errno != EAGAIN && errno != EINTR)
			return -errno;
		usleep(100);
	}
	return -ENOBUFS;
}

/* With an option or an extension header it is never dropped early. */
void testbed_sentinel(enum family family, struct frame_plan *plan)
{
	*plan = (struct frame_plan){
	    .family = family,
	    .to = TO_HOST,
	    .source = pool_parse(family, family == FAMILY_IPV4 ? SENTINEL_IPV4 : SENTINEL_IPV6),
	    .destination = pool_parse(family, family == FAMILY_IPV4 ? HOST_IPV4 : HOST_IPV6),
	    .protocol = IPPROTO_UDP,
	    .source_port = 9,
	    .destination_port = 9,
	    .options = 1,
	    .extensions = 1,
	};
}

/* The sentinel's rule is the first one of raw PREROUTING: "[1:28] -A PREROUTING -s 198.19.255.254/32 -j
 * DROP". */
static uint64_t sentinels_counted(enum family family, const struct buffer *saved)
{
	const char *rule = family == FAMILY_IPV4 ? "] -A PREROUTING -s " SENTINEL_IPV4 "/32 -j "
						 : "] -A PREROUTING -s " SENTINEL_IPV6 "/128 -j ";
	const char *found = saved->data ? strstr(saved->data, rule) : NULL;

	while (found && found > saved->data && *found != '[')
		found--;
	return found ? strtoull(found + 1, NULL, 10) : 0;
}

int testbed_send(const struct frame *frames, size_t count, enum family family, bool nft, struct buffer *saved)
{
	struct frame_plan plan;
	struct frame sentinel;
	int error = 0;

	for (size_t i = 0; i < count && !error; i++)
		error = send_one(&frames[i]);
	testbed_sentinel(family, &plan);
	frame_build(&plan, &sentinel);
	if (!error)
		error = send_one(&sentinel);
	for (int attempt = 0; attempt < 400 && !error; attempt++) {
		if (testbed_save(family, nft, saved))
			return -EIO;
		if (sentinels_counted(family, saved))
			return 0;
		usleep(5000);
	}
	return error ? error : -ETIMEDOUT;
}

static int send_out(int fd, const struct frame *frame, enum family family)
{
	const uint8_t *packet = frame->data + frame->network;
	struct sockaddr_in to4 = {.sin_family = AF_INET};
	struct sockaddr_in6 to6 = {.sin6_family = AF_INET6};
	bool v4 = family == FAMILY_IPV4;

	memcpy(&to4.sin_addr, packet + 16, sizeof(to4.sin_addr));
	memcpy(&to6.sin6_addr, packet + 24, sizeof(to6.sin6_addr));
	/* EPERM: a rule dropped it. ENOBUFS: the interface's queue, behind all rules. */
	if (sendto(fd, packet, frame->size - frame->network, 0,
		   v4 ? (struct sockaddr *)&to4 : (struct sockaddr *)&to6,
		   v4 ? sizeof(to4) : sizeof(to6)) < 0 &&
	    errno != EPERM && errno != ENOBUFS)
		return -errno;
	return 0;
}

int testbed_send_out(const struct frame *frames, size_t count, enum family family)
{
	int fd = socket(family == FAMILY_IPV4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
	int error = fd < 0 ? -errno : 0;

	for (size_t i = 0; i < count && !error; i++)
		error = send_out(fd, &frames[i], family);
	if (fd >= 0)
		close(fd);
	return error;
}

/* --- the kernel's way with a frame
 * ----------------------------------------------------------------------------- */

static bool within(enum family family, address value, const char *prefix, unsigned length)
{
	return (value & prefix_mask(family, length)) == pool_parse(family, prefix);
}

static enum testbed_way path_ipv4(const struct frame_plan *plan, bool forwarding, const char **out)
{
	address source = plan->source, destination = plan->destination;
	bool fragment = plan->fragment != FRAME_WHOLE;

	/* Martian sources and our own are dropped by the routing; not worth the trouble here. */
	if (source >> 24 == 0 || source >> 24 == 127 || source >> 28 >= 14 ||
	    within(FAMILY_IPV4, source, "192.0.2.0", 25))
		return WAY_UNSURE;
	/* ip_local_deliver() puts fragments together before INPUT, and these are never complete. */
	if (destination == pool_parse(FAMILY_IPV4, HOST_IPV4) || destination == 0xffffffff ||
	    destination == pool_parse(FAMILY_IPV4, "224.0.0.1"))
		return fragment ? WAY_PREROUTING : WAY_INPUT;
	if (destination >> 24 == 0 || destination >> 24 == 127 || destination >> 28 >= 14 ||
	    destination == pool_parse(FAMILY_IPV4, "192.0.2.0") ||
	    destination == pool_parse(FAMILY_IPV4, "192.0.2.127"))
		return WAY_UNSURE;
	bool clients = within(FAMILY_IPV4, destination, "198.51.100.0", 24) ||
		       within(FAMILY_IPV4, destination, "203.0.113.0", 24);

	if ((!clients && !within(FAMILY_IPV4, destination, "192.0.2.0", 24)) || !forwarding ||
	    plan->to != TO_HOST)
		return WAY_PREROUTING;
	*out = within(FAMILY_IPV4, destination, "192.0.2.0", 25) ? TEST_INTERFACE : TEST_BEHIND;
	return WAY_FORWARD;
}

static enum testbed_way path_ipv6(const struct frame_plan *plan, bool forwarding, const char **out)
{
	address source = plan->source, destination = plan->destination;

	if ((source >> 125 != 1 && !within(FAMILY_IPV6, source, "fd00::", 8)) ||
	    (within(FAMILY_IPV6, source, "2001:db8:2::", 48) &&
	     !within(FAMILY_IPV6, source, "2001:db8:2:1::", 64)))
		return WAY_UNSURE;
	if (destination == pool_parse(FAMILY_IPV6, HOST_IPV6) ||
	    destination == pool_parse(FAMILY_IPV6, "ff02::1"))
		return WAY_INPUT;
	if ((destination >> 125 != 1 && !within(FAMILY_IPV6, destination, "fd00::", 8)) ||
	    destination == pool_parse(FAMILY_IPV6, "2001:db8:2::") ||
	    destination == pool_parse(FAMILY_IPV6, "2001:db8:2:1::"))
		return WAY_UNSURE;
	bool behind = within(FAMILY_IPV6, destination, "2001:db8:2:1::", 64) ||
		      within(FAMILY_IPV6, destination, "2001:db8:1::", 48) ||
		      within(FAMILY_IPV6, destination, "2001:db8:9::", 48);

	if ((!behind && !within(FAMILY_IPV6, destination, "2001:db8:2::", 64)) || !forwarding ||
	    plan->to != TO_HOST)
		return WAY_PREROUTING;
	*out = behind ? TEST_BEHIND : TEST_INTERFACE;
	return WAY_FORWARD;
}

enum testbed_way testbed_way(const struct frame_plan *plan, bool forwarding, bool tracked, const char **out)
{
	*out = "";
	if (plan->to == TO_OTHER)
		return WAY_UNSEEN;
	if (plan->vlan_tags) /* priority tags (VLAN 0) are taken off, others have no device here */
		return plan->vlan_tags > 1 || plan->vlan_id == 0 ? WAY_UNSURE : WAY_UNSEEN;
	if (tracked && (plan->fragment != FRAME_WHOLE || plan->cut))
		return WAY_UNSURE;
	enum testbed_way way =
	    plan->family == FAMILY_IPV4 ? path_ipv4(plan, forwarding, out) : path_ipv6(plan, forwarding, out);

	/* Its time is exceeded. */
	return way == WAY_FORWARD && plan->ttl == 1 ? WAY_PREROUTING : way;
}
