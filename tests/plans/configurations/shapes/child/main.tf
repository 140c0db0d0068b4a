variable "label" { type = string }
resource "terraform_data" "inner" { input = var.label }
resource "terraform_data" "several" {
  for_each = toset(["a", "b"])
  input    = "${var.label}-${each.key}"
}
