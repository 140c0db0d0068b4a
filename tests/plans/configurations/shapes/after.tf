resource "terraform_data" "kept" { input = "same" }
resource "terraform_data" "updated" { input = 2 }
resource "terraform_data" "replaced" {
  input            = "x"
  triggers_replace = ["two"]
}
resource "terraform_data" "new_first" {
  triggers_replace = ["two"]
  lifecycle { create_before_destroy = true }
}
resource "terraform_data" "new_name" { input = "moves" }
moved {
  from = terraform_data.old_name
  to   = terraform_data.new_name
}
removed {
  from = terraform_data.forgotten
  lifecycle { destroy = false }
}
import {
  to = terraform_data.taken_over
  id = "8f0f1e0a-0000-0000-0000-000000000000"
}
resource "terraform_data" "taken_over" {}
resource "terraform_data" "created" { input = "new" }
resource "terraform_data" "counted" {
  count = 2
  input = count.index
}
resource "terraform_data" "keyed" {
  for_each = { "b c" = "3", d = "4" }
  input    = each.value
}
module "child" {
  source = "./child"
  label  = "after"
}
data "terraform_remote_state" "late" {
  backend    = "local"
  config     = { path = "nowhere.tfstate" }
  depends_on = [terraform_data.created]
}
output "same" { value = "same" }
output "changed" { value = "two" }
output "added" { value = terraform_data.created.output }
check "told" {
  assert {
    condition     = terraform_data.updated.input == 1
    error_message = "it is not one"
  }
}
