resource "aws_dynamodb_table" "caught_replaced" {
  name         = "orders"
  hash_key     = "order"
  billing_mode = "PAY_PER_REQUEST"
  attribute {
    name = "order"
    type = "S"
  }
}
resource "aws_cloudwatch_log_group" "caught_new_first" {
  name = "/example/two"
  lifecycle { create_before_destroy = true }
}
resource "aws_sqs_queue" "caught_counted" {
  count = 1
  name  = "example-${count.index}"
}
resource "aws_efs_file_system" "near_changed_in_place" {
  creation_token  = "example"
  throughput_mode = "elastic"
}
resource "aws_s3_bucket" "near_new_name" { bucket = "example-moves" }
moved {
  from = aws_s3_bucket.near_old_name
  to   = aws_s3_bucket.near_new_name
}
removed {
  from = aws_secretsmanager_secret.near_forgotten
  lifecycle { destroy = false }
}
resource "aws_s3_object" "near_written_anew" {
  bucket  = "example"
  key     = "two"
  content = "same"
}
resource "aws_s3_bucket" "near_created" { bucket = "example-new" }
