#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# weir check, end to end: what its exit status says, and its formats.

setup() {
	weir=${WEIR:-$BATS_TEST_DIRNAME/../../build/src/command/weir}
	examples=$BATS_TEST_DIRNAME/../../examples
	dir=$BATS_TEST_TMPDIR
	cd "$dir" || return
	# One note.
	cat >note.v4 <<-RULES
		*filter
		:INPUT ACCEPT [0:0]
		:FORWARD ACCEPT [0:0]
		:OUTPUT ACCEPT [0:0]
		-A INPUT -p tcp -m conntrack --ctstate INVALID -j DROP
		COMMIT
	RULES
}

@test "the exit status follows the severity asked for, and all findings are shown" {
	run "$weir" check note.v4
	[ "$status" -eq 0 ]
	[[ "$output" == *"note[invalid-dropped]"* ]]
	run "$weir" check note.v4 --severity note
	[ "$status" -eq 1 ]
	run "$weir" check note.v4 --severity error
	[ "$status" -eq 0 ]
	[[ "$output" == *"note[invalid-dropped]"* ]]
	run "$weir" check "$examples/edge"
	[ "$status" -eq 1 ]
	run "$weir" check "$examples/edge" --severity error
	[ "$status" -eq 0 ]
}

@test "bad usage and bad input are status 2" {
	run "$weir" check
	[ "$status" -eq 2 ]
	run "$weir" check note.v4 --severity loud
	[ "$status" -eq 2 ]
	run "$weir" check note.v4 --format xml
	[ "$status" -eq 2 ]
	run "$weir" check --explain no-such-code
	[ "$status" -eq 2 ]
	echo '*filter
-A INPUT --no-such-option' >bad.v4
	run "$weir" check bad.v4
	[ "$status" -eq 2 ]
}

@test "every code is explained" {
	codes=$("$weir" check --help | awk '/^Codes:/ { codes = 1; next } codes { print $1 }')
	[ -n "$codes" ]
	for code in $codes; do
		run "$weir" check --explain "$code"
		[ "$status" -eq 0 ]
		[[ "${lines[0]}" == "$code ("*"): "* ]]
		[[ "$output" == *"why: "*"what to do: "* ]]
	done
}

@test "the mistake of the edge example is named, with what it costs" {
	run "$weir" check "$examples/edge"
	[[ "$output" == *"rules.v4:5:1: warning[walks-on]: 100 NOTRACK rules in a row"*"100 rules in all"* ]]
	[[ "$output" == *"rules.v4:105:1: warning[walks-on]: 100 NOTRACK rules in a row"* ]]
	run "$weir" check "$examples/edge-ipset"
	[[ "$output" != *"walks-on"* ]]
}

@test "JSON has what the text has" {
	command -v jq >/dev/null || skip "jq is not installed"
	"$weir" check "$examples/edge" --json >findings.json || [ $? -eq 1 ]
	jq -e '.findings | length > 0' findings.json
	jq -e '.findings | all(.code and .severity and .message and .title and .reason and .hint and .related)' findings.json
	jq -e '.findings | all(.file and .line > 0 and .column > 0 and .end_column >= .column)' findings.json
	jq -e '.counts.warning == ([.findings[] | select(.severity == "warning")] | length)' findings.json
	"$weir" check "$examples/edge" --format json >same.json || [ $? -eq 1 ]
	cmp findings.json same.json
}

# What the schema of SARIF 2.1.0 and GitHub's code scanning ask for.
@test "SARIF has rules with help, and results with places, levels and fingerprints" {
	command -v jq >/dev/null || skip "jq is not installed"
	"$weir" check "$examples/edge" --format sarif >findings.sarif || [ $? -eq 1 ]
	jq -e 'keys == ["$schema", "runs", "version"] and .version == "2.1.0" and (.runs | length) == 1' findings.sarif
	jq -e '.runs[0] | keys == ["columnKind", "invocations", "results", "tool"]' findings.sarif
	jq -e '.runs[0].invocations | length == 1 and .[0].executionSuccessful' findings.sarif
	jq -e '.runs[0].tool.driver | .name == "weir" and .version' findings.sarif
	jq -e '.runs[0].tool.driver.rules | all(.id and .shortDescription.text and .fullDescription.text and .help.text) and
		all([.shortDescription.text, .fullDescription.text] | all(length <= 1024)) and
		([.[].id] | unique | length) == length' findings.sarif
	jq -e '.runs[0].tool.driver.rules | all(.defaultConfiguration.level | IN("note", "warning", "error"))' findings.sarif
	jq -e '.runs[0].tool.driver.rules | all(.properties["problem.severity"] |
		IN("recommendation", "warning", "error"))' findings.sarif
	jq -e '.runs[0] as $run | $run.results | length > 0 and
		all(.ruleId == $run.tool.driver.rules[.ruleIndex].id)' findings.sarif
	jq -e '.runs[0].results | all(.message.text and (.level | IN("note", "warning", "error")))' findings.sarif
	jq -e '.runs[0].results | all((.locations | length) == 1)' findings.sarif
	jq -e '[.runs[0].results[] | .locations[], .relatedLocations[]] | length > 0 and
		all(.physicalLocation | .artifactLocation.uri and (.region | .startLine > 0 and .startColumn > 0 and
			.endLine == .startLine and .endColumn >= .startColumn))' findings.sarif
	jq -e '[.runs[0].results[].relatedLocations[]] | all(.message.text and (.id | type) == "number")' findings.sarif
	jq -e '.runs[0].results | all([.relatedLocations[].id] | (unique | length) == length)' findings.sarif
	jq -e '.runs[0].results | all(.partialFingerprints.primaryLocationLineHash | test("^[0-9a-f]+:[0-9]+$"))' findings.sarif
}

fingerprints() {
	"$weir" check "$1" --format sarif | jq -r '.runs[0].results[].partialFingerprints.primaryLocationLineHash'
}

# The value is what the action that uploads SARIF computes for that line, and compares.
@test "SARIF: a result keeps its fingerprint when lines come before it, and equal lines are told apart" {
	command -v jq >/dev/null || skip "jq is not installed"
	before=$(fingerprints note.v4)
	[ "$before" = e9314e4ced6d5f10:1 ]
	sed -i '1i # a line more' note.v4
	[ "$(fingerprints note.v4)" = "$before" ]
	sed -i 's/-p tcp/-p  tcp/' note.v4
	[ "$(fingerprints note.v4)" = "$before" ]
	sed -i 's/-p  tcp/-s 192.0.2.1 -p tcp/' note.v4
	[ "$(fingerprints note.v4)" != "$before" ]
	same="-A INPUT -s 192.0.2.1/32 -p tcp -m tcp --dport 80 -m comment --comment $(printf '%080d' 0) -j ACCEPT"
	{
		sed /COMMIT/d note.v4
		printf '%s\n' "$same" "$same" '-A INPUT -p udp -j LOG' "$same" COMMIT
	} >twice.v4
	run fingerprints twice.v4
	[ "${#lines[@]}" -ge 3 ]
	[ "$(printf '%s\n' "${lines[@]}" | sort -u | wc -l)" -eq "${#lines[@]}" ]
}

@test "SARIF counts columns in characters" {
	command -v jq >/dev/null || skip "jq is not installed"
	sed -i 's/-m conntrack/-m comment --comment "süß" &/' note.v4
	line=$(grep -e --ctstate note.v4)
	"$weir" check note.v4 --format sarif >findings.sarif
	jq -e ".runs[0].results[0].locations[0].physicalLocation.region.endColumn == \
		($(jq -nr --arg line "$line" '$line | length') + 1)" findings.sarif
}

@test "SARIF: names of files are relative where they can be" {
	command -v jq >/dev/null || skip "jq is not installed"
	for name in note.v4 ./note.v4 "$(pwd -P)/note.v4"; do
		[ "$("$weir" check "$name" --format sarif |
			jq -r '.runs[0].results[0].locations[0].physicalLocation.artifactLocation.uri')" = note.v4 ]
	done
	mkdir elsewhere
	cd elsewhere || return
	[ "$("$weir" check "$(cd "$dir" && pwd -P)/note.v4" --format sarif |
		jq -r '.runs[0].results[0].locations[0].physicalLocation.artifactLocation.uri')" = "file://$(cd "$dir" && pwd -P)/note.v4" ]
}

@test "a file name that is no URI is escaped in SARIF" {
	command -v jq >/dev/null || skip "jq is not installed"
	cp note.v4 'a b%c:d.v4'
	"$weir" check 'a b%c:d.v4' --format sarif >findings.sarif
	[ "$(jq -r '.runs[0].results[0].locations[0].physicalLocation.artifactLocation.uri' findings.sarif)" = \
		'./a%20b%25c:d.v4' ]
}

@test "live: a gateway of TEE that is no neighbour is named" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	command -v iptables-legacy >/dev/null || skip "iptables-legacy is not installed"
	space=weir-t$$-c
	ip netns add "$space" 2>/dev/null || skip "network namespaces are not permitted"
	inside() { ip netns exec "$space" "$@"; }
	if ! inside iptables-legacy -t mangle -A PREROUTING -i out0 -j TEE --gateway 192.0.2.7 2>/dev/null ||
		! ip -n "$space" link add out0 type veth peer name in0 2>/dev/null; then
		ip netns del "$space"
		skip "TEE or veth is not available"
	fi
	ip -n "$space" addr add 192.0.2.1/24 dev out0
	ip -n "$space" link set out0 up
	ip -n "$space" link set in0 up
	ip -n "$space" route add default via 192.0.2.254
	run inside "$weir" check --live
	neighbour=$output
	inside iptables-legacy -t mangle -A PREROUTING -i out0 -p udp -j TEE --gateway 198.51.100.7
	inside iptables-legacy -t mangle -A PREROUTING -i out0 -p tcp -j TEE --gateway 192.0.2.1
	run inside "$weir" check --live
	ip netns del "$space"
	[[ "$neighbour" != *"tee-gateway"* ]]
	[ "$status" -eq 1 ]
	[[ "$output" == *"the gateway 198.51.100.7 is no neighbour"* ]]
	[[ "$output" == *"the gateway 192.0.2.1 is this host itself"* ]]
	[[ "$output" != *"the gateway 192.0.2.7"* ]]
}
