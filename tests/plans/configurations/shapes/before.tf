resource "terraform_data" "kept" { input = "same" }
resource "terraform_data" "updated" { input = 1 }
resource "terraform_data" "replaced" {
  input            = "x"
  triggers_replace = ["one"]
}
resource "terraform_data" "new_first" {
  triggers_replace = ["one"]
  lifecycle { create_before_destroy = true }
}
resource "terraform_data" "destroyed" { input = "gone" }
resource "terraform_data" "old_name" { input = "moves" }
resource "terraform_data" "forgotten" { input = "stays" }
resource "terraform_data" "counted" {
  count = 3
  input = count.index
}
resource "terraform_data" "keyed" {
  for_each = { a = "1", "b c" = "2" }
  input    = each.value
}
module "child" {
  source = "./child"
  label  = "before"
}
output "same" { value = "same" }
output "changed" { value = "one" }
output "dropped" { value = "gone" }
