resource "terraform_data" "planned" { input = "first" }
resource "terraform_data" "fails" {
  input = "second"
  lifecycle {
    precondition {
      condition     = length(terraform_data.planned.input) > 100
      error_message = "it is too short"
    }
  }
}
