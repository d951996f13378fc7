# Reads are free. A refund has a limit for each role, and a conversation has one refund. In a conversation that holds text of
# outsiders, only managers refund.
package amounts

allow if input.effects == "read"

allow if {
	input.tool == "refund_order"
	input.arguments.cents <= data.limits[input.caller.role]
	object.get(input.conversation.calls, "refund_order", 0) == 0
	trusted
}

trusted if input.conversation.tainted == false

trusted if input.caller.role == "manager"
