resource "terraform_data" "wanted" { input = 1 }
resource "terraform_data" "left_out" { input = 2 }
